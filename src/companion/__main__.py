"""`python -m companion`: take a built site along, as a folder or as a PDF."""

import argparse
import sys
from pathlib import Path

from companion.offline import write_offline
from companion.paper import PaperError, write_pdf


def main() -> int:
    """Run a command; the exit status is 1 if it could not be done."""
    parser = argparse.ArgumentParser(prog="python -m companion", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    folder = commands.add_parser("offline", help="a copy of the site that works from files")
    paper = commands.add_parser("pdf", help="the lecture's pages as one PDF; needs Chromium")
    folder.set_defaults(run=write_offline)
    paper.set_defaults(run=write_pdf)
    for command, what in ((folder, "the folder to write"), (paper, "the file to write")):
        command.add_argument("site", type=Path, help="the folder of the built site")
        command.add_argument("target", type=Path, help=what)
    options = parser.parse_args()
    try:
        options.run(options.site, options.target)
    except (OSError, PaperError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
