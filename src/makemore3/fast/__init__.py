"""Many of the lecture's nets at once: the same numbers as `training`, several times faster."""

from makemore3.fast.many import Method, best_method, train_many

__all__ = ["Method", "best_method", "train_many"]
