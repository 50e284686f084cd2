"""`python -m literate finish SITE`: what follows a build by any other builder than MkDocs.

The outputs are checked, and the steps are taken that installed packages name in the group of entry
points `literate.finish`: functions of the site, the docs folder and the repository's address, which
return what is wrong.
"""

import argparse
import sys
from importlib.metadata import entry_points
from pathlib import Path

from literate.outdated import built_without, outdated


def main() -> int:
    """Finish a site; the exit status is 1 if any output is missing or outdated."""
    parser = argparse.ArgumentParser(prog="python -m literate", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("finish", help="finish a built site, and check the outputs")
    command.add_argument("site", type=Path, help="the folder of the built site")
    command.add_argument("--docs", type=Path, default=Path("docs"), help="the folder of the pages")
    command.add_argument("--repository", default="", help="what the notebooks install from")
    options = parser.parse_args()
    for folder in (options.site, options.docs):
        if not folder.is_dir():
            parser.error(f"expected a folder, found none at {folder}")
    found = [*outdated(options.docs), *built_without(options.site)]
    for step in entry_points(group="literate.finish"):
        found += step.load()(options.site, options.docs, repository=options.repository)
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
