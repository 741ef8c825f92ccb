"""The figures of a run, drawn into its directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import FiguresFailed, InputError
from ..results import Results
from ..tables.run_directory import RunDirectory


def draw(results: Results, store: RunDirectory) -> list[Path]:
    """Write the figures of a run, and note in its manifest that they are there.

    Returns:
        The paths of the files.

    Raises:
        FiguresFailed: If they cannot be written. The manifest, where it can be, then says that the run failed, and why.
    """
    from ..plots.figure_files import write_figures

    with noted(results.manifest, store):
        try:
            return write_figures(results.plot(), store.figures, home=store.figures)
        except (OSError, InputError) as error:
            raise FiguresFailed(error) from None


@contextmanager
def noted(manifest: dict[str, Any], store: RunDirectory) -> Iterator[None]:
    """Note in the manifest of the run in `store` whether the block has drawn its figures.

    Raises:
        FiguresFailed: If the block raises it, or the manifest cannot be written.
    """
    try:
        yield
        manifest["figures_drawn"] = True
        if manifest.get("failed_in") == "figures":
            manifest |= {"status": "complete", "error": None, "failed_in": None}
        try:
            store.write_manifest(manifest)
        except OSError as error:
            raise FiguresFailed(error) from None
    except FiguresFailed as error:
        if manifest["status"] == "complete":
            manifest |= {"status": "failed", "error": str(error), "failed_in": "figures"}
            with suppress(OSError):  # the disk is full
                store.write_manifest(manifest)
        raise


def are_drawn(results: Results, store: RunDirectory) -> bool:
    """Return whether all figures of a stored run were drawn. Runs of earlier versions do not record it."""
    return bool(results.manifest.get("figures_drawn", any(store.figures.glob("*.png"))))
