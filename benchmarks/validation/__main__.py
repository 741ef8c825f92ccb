"""Everything that can be compared, in one table and one figure: `make validation`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator

from rich.console import Console

from . import closed_forms, diloco, flows, processes, recorded
from .figure import drawn
from .page import summary, written
from .row import Row

PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "recorded": recorded.rows,
    "diloco": diloco.rows,
    "processes": processes.rows,
    "simgrid": flows.rows,
    "neighbours": closed_forms.neighbour_rows,
    "order_statistics": closed_forms.order_statistic_rows,
}


def main() -> None:
    """Compare; write the table and the figure into docs/ if all parts were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validation", description=(__doc__ or ""))
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="these alone, and nothing is written")
    chosen = parser.parse_args().parts or list(PARTS)
    console, rows = Console(stderr=True), []
    for name in chosen:
        begun_s = time.monotonic()
        found = list(PARTS[name]())
        if not found:
            console.print(f"{name}: left out: {flows.STORED.name} is not there")
        console.print(f"{name}: {len(found)} figures, {time.monotonic() - begun_s:.0f} s")
        rows += found
    for row in rows:
        if row.met is False:
            numbers = f"{row.measured:.4g}, simulated {row.simulated:.4g}"
            print(f"beyond its goal: {row.part}, {row.case}: {row.quantity} {numbers}")
    print(summary(rows))
    if set(chosen) == set(PARTS):
        written(rows)
        drawn(rows)


if __name__ == "__main__":
    main()
