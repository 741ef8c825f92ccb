"""The figures of a run, drawn into its directory."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..errors import InputError, RunError
from ..results import Results
from ..tables.run_directory import RunDirectory


def draw(results: Results, store: RunDirectory) -> list[Path]:
    """Write the figures of a run, and note in its manifest that they are there.

    Returns:
        The paths of the files.

    Raises:
        RunError: Where they cannot be written. The manifest, where it can be, then says that the run failed, and why.
    """
    from ..plots.figure_files import write_figures

    manifest = results.manifest
    try:
        written = write_figures(results.plot(), store.figures, home=store.figures)
        manifest["figures_drawn"] = True
        if _failed_for_figures_alone(manifest):
            manifest |= {"status": "complete", "error": None}
        store.write_manifest(manifest)
    except (OSError, InputError) as error:
        told = f"the figures cannot be written: {error}; the tables are whole, and `gossim plot` draws them"
        if manifest["status"] == "complete":
            manifest |= {"status": "failed", "error": told}
            with suppress(OSError):  # the disk is full
                store.write_manifest(manifest)
        raise RunError(told) from None
    return written


def are_drawn(results: Results, store: RunDirectory) -> bool:
    """Whether all figures of a run that is stored there were drawn. Runs of earlier versions do not say so."""
    return bool(results.manifest.get("figures_drawn", any(store.figures.glob("*.png"))))


def _failed_for_figures_alone(manifest: dict[str, object]) -> bool:
    """Whether nothing else is wrong with the run."""
    return manifest["status"] == "failed" and str(manifest.get("error")).startswith("the figures cannot be written")
