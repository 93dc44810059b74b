"""python -m soundverse_nb: the same as the command `soundverse-nb`."""

from __future__ import annotations

import sys

from soundverse_nb.cli import main

if __name__ == "__main__":
    sys.exit(main())
