"""`python -m makemore3`: the commands of `makemore3.cli`, or what to install for them."""

import sys


def main() -> int:
    """Run the command line; without the lab's packages say in one line how to get them."""
    try:
        from makemore3 import cli
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("makemore3"):
            raise
        print(
            f"makemore3 needs {error.name}, which is not installed; in the project's folder run: "
            'python -m pip install -e ".[lab]"',
            file=sys.stderr,
        )
        return 2
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
