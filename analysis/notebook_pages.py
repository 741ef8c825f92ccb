"""Run the notebooks of analysis/ and write each as a page of the site, with its output and its figures.

The notebooks are stored without outputs, so that a change to them reads as a change. The pages hold text,
and figures as files beside them; `make docs` shows them without running anything.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Annotated

import nbformat
import typer
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "analysis"
PAGES = ROOT / "docs" / "notebooks"

CELL_TIMEOUT_S = 300


OUTPUT = """{%- extends 'markdown/index.md.j2' -%}
{% block stream %}
``` {.text .output}
{{ output.text.rstrip() | strip_ansi }}
```
{% endblock stream %}
{% block data_text scoped %}
``` {.text .output}
{{ output.data['text/plain'] }}
```
{% endblock data_text %}"""
"""What is printed stands in a block of its own kind, apart from code."""

PANDAS = re.compile(r"<div>\s*<style scoped>.*?</style>\s*<table .*?>(.*?</table>)\s*</div>", re.DOTALL)
"""A table of pandas with the style that it brings along."""


def execute(path: Path) -> nbformat.NotebookNode:
    """Run all cells, top to bottom, in the directory of the notebook.

    The kernel is that of the Python that runs this file, whatever kernels are installed besides.

    Returns:
        The notebook with its outputs.

    Raises:
        CellExecutionError: With the cell and its traceback, at the first error.
    """
    notebook = nbformat.read(path, as_version=4)
    # In no folder is there a kernel to be found, so it is ipykernel's own, run by sys.executable.
    kernel = AsyncKernelManager(
        kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[])
    )
    where = {"metadata": {"path": str(path.parent)}}
    return NotebookClient(
        notebook, km=kernel, timeout=CELL_TIMEOUT_S, resources=where, coalesce_streams=True
    ).execute()


def page(executed: nbformat.NotebookNode, name: str) -> tuple[str, dict[str, bytes]]:
    """Return the notebook `name` as Markdown, and each figure, a PNG, by its path relative to the page."""
    places = {"output_files_dir": name, "unique_key": "cell"}
    written, resources = MarkdownExporter(raw_template=OUTPUT).from_notebook_node(executed, places)
    figures = {}

    def figure(place: re.Match[str]) -> str:
        """Name a figure by its cell, not by its number, which changes with every cell before it."""
        cell = executed.cells[int(place["cell"])].id
        path = f"{name}/{cell}{'' if place['more'] == '0' else '-' + place['more']}.png"
        figures[path] = resources["outputs"][place["path"]]
        return f"![{cell.replace('-', ' ')}]({path})"

    written = re.sub(
        r"!\[png\]\((?P<path>\S+/cell_(?P<cell>\d+)_(?P<more>\d+)\.png)\)", figure, written
    )
    written = PANDAS.sub(r"<table>\1", written)  # as the site sets its tables
    title, _, rest = written.strip().partition("\n")
    source = f"*Notebook `analysis/{name}.ipynb` with its output. [How to open and change it](../notebooks.md).*"
    text = "\n".join(line.rstrip() for line in f"{title}\n\n{source}\n{rest}\n".split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text), figures


def main(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Notebooks  [default: all of analysis/]")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the pages go.")] = PAGES,
) -> None:
    """Run notebooks and write their pages and figures."""
    for path in paths or sorted(NOTEBOOKS.glob("*.ipynb")):
        try:
            text, figures = page(execute(path.resolve()), path.stem)
        except CellExecutionError as error:
            sys.exit(f"{path}: {error}")
        shutil.rmtree(out / path.stem, ignore_errors=True)
        (out / path.stem).mkdir(parents=True)
        (out / f"{path.stem}.md").write_text(text, encoding="utf-8")
        for name, figure in figures.items():
            (out / name).write_bytes(figure)


if __name__ == "__main__":
    typer.run(main)
