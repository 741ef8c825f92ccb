"""`gossim` that is killed, as by `kill -9`, at the n-th rename, or in the middle of the n-th checkpoint.

python tests/support/killed.py rename|checkpoint N ARGUMENTS...
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def killing(real: Callable[..., Any], at: int) -> Callable[..., Any]:
    """`real`, whose call number `at`, from 0, is the last thing this process does not do."""
    calls = 0

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)
        calls += 1
        return real(*arguments, **options)

    return counted


def main() -> None:
    import numpy as np

    from gossim.cli.main import main as command

    where, at = sys.argv[1], int(sys.argv[2])
    sys.argv = ["gossim", *sys.argv[3:]]
    if where == "rename":
        Path.replace = killing(Path.replace, at)  # type: ignore[method-assign]
    else:
        np.lib.format.write_array = killing(np.lib.format.write_array, at)
    command()


if __name__ == "__main__":
    main()
