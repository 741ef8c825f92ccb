"""`gossim calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError, nearest
from .options import new_console


def calibrate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file, as `python -m gossim.measure` writes it.")],
    bandwidth: Annotated[
        float | None,
        typer.Option(metavar="BYTES_PER_S", help="Nominal bandwidth, e.g. 1.25e8; then efficiency is fitted."),
    ] = None,
    collective: Annotated[str, typer.Option(metavar="NAME", help="The collective whose times were measured.")] = "ring",
) -> None:
    """Fit the `network:` section to measured message times.

    Prints latency, bandwidth and overhead, and how far the fit is from the measurements.
    """
    import numpy as np
    import yaml
    from rich.table import Table

    from ..cluster.calibration import fit, network_section, predicted, read_times
    from ..cluster.collectives import COLLECTIVES

    if bandwidth is not None and not 0 < bandwidth <= 1e100:
        raise InputError(f"--bandwidth {bandwidth}: must be > 0, at most 1e100")
    alone = [name for name, kind in COLLECTIVES.items() if all(not f.is_required() for f in kind.model_fields.values())]
    if collective not in alone:
        raise InputError(f"--collective {collective}: unknown collective{nearest(collective, alone)}")
    chosen = COLLECTIVES[collective](name=collective)
    times = read_times(str(file))
    own = fit(times, chosen, str(file))
    section = network_section(own, bandwidth)
    fitted = predicted(own, list(times), chosen)
    table = Table(title=f"{file}: medians, and what the fit says")
    for column in ("operation", "workers", "bytes", "measured [s]", "fitted [s]", "fitted/measured"):
        table.add_column(column, justify="left" if column == "operation" else "right")
    for (case, seconds), model in zip(times.items(), fitted, strict=True):
        numbers = (
            f"{case.workers}",
            f"{case.size_bytes:,}",
            f"{seconds:.4g}",
            f"{model:.4g}",
            f"{model / seconds:.3f}",
        )
        table.add_row(case.operation, *numbers)
    notes = new_console(stderr=True, highlight=False, soft_wrap=True)
    notes.print(table)
    apart = fitted / np.array(list(times.values())) - 1
    worst = int(np.abs(apart).argmax())
    notes.print(f"relative residuals: {np.sqrt(np.mean(apart**2)):.1%} r.m.s., {apart[worst]:+.1%} at the worst")
    if own.overhead_s is None:
        notes.print("no request rows: latency_s holds message_overhead_s too")
    if own.reduction_s_per_byte is not None:
        notes.print(f"algorithms with a collective: reduction_s_per_byte: {own.reduction_s_per_byte:.4g}")
    print(yaml.safe_dump({"network": section}, sort_keys=False), end="")
