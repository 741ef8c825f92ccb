"""Run scenarios that nobody thought of: `make fuzz MINUTES=10`, or `python tests/fuzz.py --help`."""

from __future__ import annotations

import sys

from support.fuzz import main

if __name__ == "__main__":
    sys.exit(main())
