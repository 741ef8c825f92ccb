"""`gossim`, which prints at its end how many megabytes it took at most, and how many the largest of its children.

python tests/support/measured.py ARGUMENTS...
"""

from __future__ import annotations

import resource


def peak_mb(whose: int) -> float:
    """Linux counts in kilobytes."""
    return resource.getrusage(whose).ru_maxrss / 1024


def main() -> None:
    from gossim.cli.main import main as command

    try:
        command()
    finally:
        print(peak_mb(resource.RUSAGE_SELF), peak_mb(resource.RUSAGE_CHILDREN), flush=True)


if __name__ == "__main__":
    main()
