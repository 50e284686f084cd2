"""Files that live elsewhere in the repository and are part of the site.

`extra.served` of the configuration maps their place in the site to their source. A list of sorted
words whose place ends with `.front.txt` is front-coded, which saves a third of what is transferred.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path


def served(root: Path, places: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield place and content of each file.

    Args:
        root: The folder that the sources are named from.
        places: Source by place in the site.

    Raises:
        FileNotFoundError: If a source is not there.
    """
    for place, name in places.items():
        source = root / name
        if not source.is_file():
            raise FileNotFoundError(f"extra.served names {name}, which is not in {root}")
        content = source.read_text(encoding="utf-8")
        yield place, front_coded(content) if place.endswith(".front.txt") else content


def front_coded(words: str) -> str:
    """Give each line the number of letters that it shares with the one before, and the others.

    The number, at most 9, is one digit.
    """
    before, lines = "", []
    for word in words.splitlines():
        shared = max(n for n in range(min(len(word), 9) + 1) if before.startswith(word[:n]))
        lines.append(f"{shared}{word[shared:]}\n")
        before = word
    return "".join(lines)
