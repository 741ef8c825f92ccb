"""The notebooks in analysis/: as a reader finds them, and run from top to bottom."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from support.commands import ROOT
from support.processes import ran

NOTEBOOKS = sorted((ROOT / "analysis").glob("*.ipynb"))
PAGE = (ROOT / "docs" / "notebooks.md").read_text(encoding="utf-8")
PAGES = ROOT / "docs" / "notebooks"
SCRIPT = ROOT / "analysis" / "notebook_pages.py"

slow = pytest.mark.slow  # what runs a notebook
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def executed(path: Path, scratch: Path) -> subprocess.CompletedProcess[str]:
    """Run `path` and write its page into `scratch`, in a process that reads no user's settings."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "PYTEST"))},
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "IPYTHONDIR": str(scratch / "ipython"),
        "JUPYTER_CONFIG_DIR": str(scratch / "config"),
        "JUPYTER_DATA_DIR": str(scratch / "data"),
        "JUPYTER_RUNTIME_DIR": str(scratch / "runtime"),
    }
    return ran([sys.executable, SCRIPT, path, "--out", scratch], Path.cwd(), environment)


def files() -> set[Path]:
    """What lies in analysis/, and beside it, hidden things and caches left out."""
    found = {*ROOT.iterdir(), *(ROOT / "analysis").rglob("*")}
    return {path for path in found if not path.name.startswith((".", "__"))}


def written(path: Path, *sources: str) -> Path:
    """A notebook with these code cells."""
    cells: list[Any] = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@each_notebook
def test_a_notebook_is_stored_without_outputs(path: Path) -> None:
    """Valid, with no outputs, for `python3`; ids that tell, and stay."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        assert re.fullmatch(r"[a-z][a-z0-9-]*", cell.id)
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@each_notebook
def test_a_notebook_begins_with_a_title_and_ends_with_three_exercises_and_their_solutions(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert cells[0].cell_type == "markdown"
    assert re.match(rf"# {path.stem[0]}\. \S", cells[0].source)
    assert cells[-1].cell_type == "markdown"
    exercises, *solutions = cells[-1].source.split('<details markdown="1">')
    assert exercises.startswith("## Exercises\n")
    assert re.findall(r"^(\d+)\. ", exercises, re.MULTILINE) == ["1", "2", "3"]
    for number, solution in enumerate(solutions, start=1):
        assert solution.startswith(f"\n<summary>Solution {number}</summary>\n\n")
        assert solution.rstrip().endswith("\n\n</details>")
    assert len(solutions) == 3


@each_notebook
def test_the_page_of_a_notebook_holds_its_cells_in_order_and_its_figures(path: Path) -> None:
    """A notebook that was changed and not run again has a page that shows something else."""
    page, place = (PAGES / f"{path.stem}.md").read_text(encoding="utf-8"), 0
    title, *cells = nbformat.read(path, as_version=4).cells
    assert page.startswith(title.source.partition("\n")[0] + "\n\n*Notebook `analysis/")
    assert title.source.partition("\n")[2].strip() in page
    for cell in cells:
        shown = re.sub(r"\n{3,}", "\n\n", cell.source.strip())
        assert shown in page[place:], cell.id
        place = page.index(shown, place) + len(shown)
    figures = re.findall(rf"!\[[\w ]+\]\(({path.stem}/[\w-]+\.png)\)", page)
    assert sorted(figures) == sorted(file.relative_to(PAGES).as_posix() for file in (PAGES / path.stem).iterdir())
    assert f"(notebooks/{path.stem}.md)" in PAGE


@slow
@each_notebook
def test_a_notebook_runs_and_prints_what_its_page_shows(path: Path, tmp_path: Path) -> None:
    before, source = files(), path.read_bytes()
    done = executed(path, tmp_path)
    assert done.returncode == 0, re.sub(r"\x1b\[[\d;]*m", "", done.stderr)
    assert files() == before
    assert path.read_bytes() == source
    page = f"{path.stem}.md"
    assert (tmp_path / page).read_text(encoding="utf-8") == (PAGES / page).read_text(encoding="utf-8")


@slow
def test_an_error_in_a_notebook_is_reported_with_its_cell(tmp_path: Path) -> None:
    broken = written(tmp_path / "broken.ipynb", "half = 1 / 2", "whole = half / (half - 0.5)")
    done = executed(broken, tmp_path)
    assert done.returncode == 1
    assert "whole = half / (half - 0.5)" in done.stderr
    assert "ZeroDivisionError" in done.stderr


@slow
def test_the_kernel_of_a_notebook_is_this_python(tmp_path: Path) -> None:
    checking = written(
        tmp_path / "checking.ipynb",
        f"import os, sys\nassert sys.executable == {sys.executable!r}, sys.executable",
        f"import gossim\nassert gossim.__file__ == {str(ROOT / 'gossim' / '__init__.py')!r}, gossim.__file__",
        f"assert os.path.samefile(os.getcwd(), {str(tmp_path)!r}), os.getcwd()",
    )
    done = executed(checking, tmp_path)
    assert done.returncode == 0, done.stderr
