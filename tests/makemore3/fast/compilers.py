"""Which fast trainers there are on this machine."""

import torch

from makemore3.fast import Method
from makemore3.fast.compiled import CompilerError, library


def has_compiler() -> bool:
    """Whether there is a compiler that is new enough; if it then refuses our code, that's an error.

    Raises:
        CompilerError: If a compiler is there, and something else is wrong.
    """
    try:
        library(torch.float32)
    except CompilerError as error:
        if "there is no C++ compiler" in str(error) or "needs GCC 12" in str(error):
            return False
        raise
    return True


METHODS: list[Method] = ["compiled", "stacked"] if has_compiler() else ["stacked"]
