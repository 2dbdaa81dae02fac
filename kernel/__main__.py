"""``python -m planloom``: the command line, where the script ``planloom`` is not on the path."""

import sys

from planloom.cli import main

if __name__ == "__main__":
    sys.exit(main())
