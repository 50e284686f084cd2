"""Drawings of structure: boxes and arrows, and arrays as grids of cells."""

from collections.abc import Sequence
from itertools import pairwise, product

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, Rectangle

from makemore3.figures.canvas import new_figure


def plot_net(
    *,
    vocab_size: int = 27,
    block_size: int = 3,
    n_embd: int = 10,
    n_hidden: int = 200,
    ax: Axes | None = None,
) -> Axes:
    """Draw the lecture's net with one hidden layer: what each step does, and the shape it leaves.

    Args:
        vocab_size: Characters, and logits.
        block_size: Characters of context.
        n_embd: Numbers per character.
        n_hidden: Hidden units.
        ax: Where to draw; `None` makes a new figure.

    Source:
        Bengio et al. 2003; lecture [1:53](https://youtu.be/P6sfmUTpUmc?t=113).
    """
    ax = _canvas(ax, height=1.5)
    fan_in = block_size * n_embd
    steps = [
        ("context", f"{block_size} characters", f"(N, {block_size})"),
        ("embedding C", f"({vocab_size}, {n_embd})", f"(N, {block_size}, {n_embd})"),
        ("one after the other", "flatten", f"(N, {fan_in})"),
        ("times W1, plus b1", f"({fan_in}, {n_hidden})", f"pre-activations (N, {n_hidden})"),
        ("tanh", "elementwise", f"hidden (N, {n_hidden})"),
        ("times W2, plus b2", f"({n_hidden}, {vocab_size})", f"logits (N, {vocab_size})"),
    ]
    heights = [9.3 - 1.72 * index for index in range(len(steps))]
    boxes = [
        _box(ax, 2.9, y, name, detail, color="C3" if name.startswith(("emb", "times")) else "C0")
        for y, (name, detail, _) in zip(heights, steps, strict=True)
    ]
    for before, after in pairwise(boxes):
        _arrow(ax, before, after, "C0")
    for y, (_, _, shape) in zip(heights, steps, strict=True):
        ax.text(5.6, y, shape, ha="left", va="center")
    return ax


def plot_batch_norm(num_features: int, *, momentum: float, ax: Axes | None = None) -> Axes:
    """Draw what goes where in a batch norm layer, in training and in `eval` mode.

    Args:
        num_features: Features of each row.
        momentum: Weight of the new batch in the running statistics.
        ax: Where to draw; `None` makes a new figure.

    Source:
        Lecture [1:03:33](https://youtu.be/P6sfmUTpUmc?t=3813).
    """
    ax = _canvas(ax, height=1.2)
    rows, each = f"(N, {num_features})", f"({num_features},) each"
    inputs = _box(ax, 1.6, 9.1, "input", rows, width=3.0)
    normalise = _box(ax, 1.6, 6.4, "subtract mean", "divide by std", width=3.0)
    scale = _box(ax, 1.6, 3.7, "times gamma", "plus beta", width=3.0)
    output = _box(ax, 1.6, 1.0, "output", rows, width=3.0)
    batch = _box(ax, 7.6, 9.1, "mean and variance", "of the batch", color="C1")
    running = _box(ax, 7.6, 6.4, "running mean, variance", f"buffers, {each}", color="C2")
    learned = _box(ax, 7.6, 3.7, "gamma, beta", f"parameters, {each}", color="C3")
    for start, end in pairwise((inputs, normalise, scale, output)):
        _arrow(ax, start, end, "C0")
    _arrow(ax, inputs, batch, "C1")
    _arrow(ax, batch, normalise, "C1")
    _arrow(ax, batch, running, "C1")
    _arrow(ax, running, normalise, "C2")
    _arrow(ax, learned, scale, "C3")
    ax.text(3.9, 7.95, "training", ha="right", va="center")
    ax.text(4.2, 5.9, "eval", ha="center", va="center")
    ax.text(7.8, 7.75, f"momentum {momentum:g}", ha="left", va="center")
    return ax


def plot_residual_block(branch: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """Draw a residual block: the branch, the way around it, and the sum.

    Args:
        branch: The layers of the branch, in order.
        ax: Where to draw; `None` makes a new figure.

    Raises:
        ValueError: If the branch is empty.

    Source:
        He et al. 2016, fig. 2; lecture [1:06:32](https://youtu.be/P6sfmUTpUmc?t=3992).
    """
    if not branch:
        raise ValueError("plot_residual_block expects at least one layer in the branch, got none")
    ax = _canvas(ax, height=0.5 + 0.17 * len(branch))
    spacing = 7.6 / (len(branch) + 1)
    inputs = _box(ax, 3.2, 9.3, "x", width=1.6)
    layers = [_box(ax, 3.2, 9.3 - spacing * (n + 1), name) for n, name in enumerate(branch)]
    total = _box(ax, 3.2, 0.7, "x + branch(x)", width=3.4)
    for before, after in pairwise((inputs, *layers, total)):
        _arrow(ax, before, after, "C0")
    ax.plot([4.0, 7.2, 7.2], [9.3, 9.3, 0.7], color="C1", lw=1)
    ax.annotate("", (4.95, 0.7), (7.2, 0.7), arrowprops={"arrowstyle": "->", "color": "C1"})
    ax.text(7.4, 5.0, "the way around:", ha="left", va="bottom")
    ax.text(7.4, 4.8, "gradient times 1", ha="left", va="top")
    return ax


def plot_gradient_path(*, ax: Axes | None = None) -> Axes:
    """Draw what a gradient is multiplied by on its way back through the net's hidden layer.

    Source:
        Lecture [20:36](https://youtu.be/P6sfmUTpUmc?t=1236).
    """
    ax = _canvas(ax, height=1.25)
    stops = ["x", "pre-activation", "h = tanh", "logits", "loss"]
    heights = [9.3 - 2.15 * index for index in range(len(stops))]
    boxes = [_box(ax, 2.4, y, name, width=3.6) for y, name in zip(heights, stops, strict=True)]
    forward = ["times W1", "tanh", "times W2", "softmax, -log"]
    backward = ["times W1 transposed", "times 1 - h squared", "times W2 transposed", "p - one-hot"]
    for index, (before, after) in enumerate(pairwise(boxes)):
        _arrow(ax, before, after, "C0")
        y = (heights[index] + heights[index + 1]) / 2
        ax.text(2.2, y, forward[index], ha="right", va="center")
        style = {"arrowstyle": "->", "color": "C1"}
        ax.annotate(
            "", (4.6, heights[index] - 0.1), (4.6, heights[index + 1] + 0.1), arrowprops=style
        )
        ax.text(4.9, y, backward[index], ha="left", va="center")
    return ax


def plot_broadcast(
    left: tuple[int, int], right: tuple[int, int], *, operation: str = "-", ax: Axes | None = None
) -> Axes:
    """Draw how two arrays of two axes are broadcast: solid cells exist, dashed ones are repeats.

    Args:
        left: Shape of the first array, `(rows, columns)`.
        right: Shape of the second; an axis of length 1 is stretched to the other's length.
        operation: The sign between the two.
        ax: Where to draw; `None` makes a new figure.

    Raises:
        ValueError: If the shapes cannot be broadcast.

    Source:
        Lecture [41:20](https://youtu.be/P6sfmUTpUmc?t=2480), `keepdim`.
    """
    pairs = list(zip(left, right, strict=True))
    if any(one != other and 1 not in (one, other) for one, other in pairs):
        raise ValueError(
            f"plot_broadcast expects axes of equal length or 1, got {left} and {right}"
        )
    rows, columns = whole = (max(pairs[0]), max(pairs[1]))
    ax = _canvas(ax, height=0.5)
    side = min(2.6 / columns, 1.9 / rows)  # square cells: the panel is 3.6 times as wide as high
    width, height = side, 3.6 * side
    starts = [0.3, 3.7, 7.1]
    for start, shape in zip(starts, (left, right, whole), strict=True):
        for row, column in product(range(rows), range(columns)):
            there = row < shape[0] and column < shape[1]
            ax.add_patch(
                Rectangle(
                    (start + width * column, 8 - height * (row + 0.88)),
                    0.88 * width,
                    0.88 * height,
                    fc="C0" if there else "none",
                    ec="C0",
                    ls="-" if there else ":",
                    alpha=0.75,
                )
            )
        middle = start + width * columns / 2
        ax.text(middle, 8.5, f"({shape[0]}, {shape[1]})", ha="center", va="bottom")
    for sign, (before, after) in zip((operation, "="), pairwise(starts), strict=True):
        middle = (before + width * columns + after) / 2
        ax.text(middle, 8 - height * rows / 2, sign, ha="center", va="center")
    return ax


def plot_lookup(
    context: Sequence[int], names: str, *, rows: int, n_embd: int, ax: Axes | None = None
) -> Axes:
    """Draw `C[X]`: each index of a context picks a row of the embedding table.

    Args:
        context: Indices of one example, each below `rows`.
        names: One character for each index.
        rows: Rows of the table that are drawn.
        n_embd: Numbers in each row.
        ax: Where to draw; `None` makes a new figure.

    Raises:
        ValueError: If an index has no row, or there are not as many names as indices.

    Source:
        Lecture [1:53](https://youtu.be/P6sfmUTpUmc?t=113), the matrix C.
    """
    if len(names) != len(context) or not all(0 <= index < rows for index in context):
        raise ValueError(
            f"plot_lookup expects indices from 0 to {rows - 1} with a name each, got "
            f"{list(context)} and {names!r}"
        )
    ax = _canvas(ax, height=1.0)
    colors = ["C1", "C2", "C3", "C4", "C5"]
    width, height = 3.0 / n_embd, 7.2 / rows
    color_of = {index: colors[n % len(colors)] for n, index in enumerate(dict.fromkeys(context))}

    def row_of_cells(x: float, y: float, color: str | None, cell: float) -> None:
        for column in range(n_embd):
            place = (x + width * column, y)
            face = color or "none"
            edge = color or rcParams["grid.color"]
            ax.add_patch(Rectangle(place, width * 0.85, cell, fc=face, ec=edge, alpha=0.75))

    for row in range(rows):
        row_of_cells(2.2, 8.2 - height * (row + 1), color_of.get(row), height * 0.8)
    places = [7.0 - 2.6 * n for n in range(len(context))]
    for place, index, name in zip(places, context, names, strict=True):
        ax.text(0.1, place, f"{name} = {index}", ha="left", va="center")
        table = 8.2 - height * (index + 0.6)
        style = {"arrowstyle": "->", "color": color_of[index]}
        ax.annotate("", (2.1, table), (1.5, place), arrowprops=style)
        row_of_cells(6.8, place - 0.35, color_of[index], 0.7)
        ax.annotate("", (6.7, place), (5.3, table), arrowprops=style)
    ax.text(0.1, 8.9, "X", ha="left", va="center")
    ax.text(2.2, 8.9, f"C, {n_embd} numbers a row", ha="left", va="center")
    ax.text(6.8, 8.9, f"C[X], ({len(context)}, {n_embd})", ha="left", va="center")
    return ax


def _canvas(ax: Axes | None, *, height: float) -> Axes:
    """An empty panel that runs from 0 to 10 in both directions."""
    ax = ax or new_figure(height=height).subplots()
    ax.set(xlim=(0, 10), ylim=(0, 10))
    ax.axis("off")
    return ax


def _box(
    ax: Axes, x: float, y: float, *lines: str, color: str = "C0", width: float = 4.6
) -> FancyBboxPatch:
    """Frame lines of text around a point; each is its own text, centred in any typeface."""
    panel = ax.get_window_extent().height / ax.figure.get_dpi()  # inches
    line_height = 2.05 / max(panel, 1.0) if panel else 0.62
    height = line_height * (len(lines) + 0.3)
    corner = (x - width / 2, y - height / 2)
    shape = "round,pad=0,rounding_size=0.2"
    frame = FancyBboxPatch(corner, width, height, boxstyle=shape, fc="none", ec=color)
    ax.add_patch(frame)
    for number, line in enumerate(lines):
        ax.text(
            x, y + line_height * ((len(lines) - 1) / 2 - number), line, ha="center", va="center"
        )
    return frame


def _arrow(ax: Axes, start: FancyBboxPatch, end: FancyBboxPatch, color: str) -> None:
    """Draw an arrow from the frame of one box to that of another, between their centres."""
    style = {"arrowstyle": "->", "color": color, "patchA": start, "patchB": end}
    from_, to = (box.get_bbox().get_points().mean(axis=0) for box in (start, end))
    ax.annotate("", to, from_, arrowprops=style)
