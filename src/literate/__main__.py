"""`python -m literate finish SITE`: the steps after a build, for builders other than MkDocs."""

import argparse
import sys
from pathlib import Path

from literate.finish import finish, outdated


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
    finished = finish(options.site, options.docs, repository=options.repository)
    found = [*outdated(options.docs), *finished]
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
