"""The words that `make lint` refuses in what people read."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from support.commands import ROOT
from support.processes import ran

CHECK = runpy.run_path(str(ROOT / "docs" / "check_words.py"))
WORDS = CHECK["avoided"]("told -> shown\nso many -> the name\n")


def found(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    return [line.removeprefix(f"{path}:") for line in CHECK["findings"](path, WORDS)]


def test_words_are_found_with_their_line_and_a_better_one(tmp_path: Path) -> None:
    assert found(tmp_path / "page.md", "One.\nIt is told\nso\nmany times.") == [
        "2: 'told': rather shown",
        "3: 'so many': rather the name",
    ]


def test_names_in_code_are_not_prose(tmp_path: Path) -> None:
    code = 'told = 1  # Told here\nshown = f"{told} and {told(1)}"\n"""A text.\n\nSo many."""\n'
    assert found(tmp_path / "code.py", code) == ["1: 'Told': rather shown", "5: 'So many': rather the name"]


def test_the_project_has_none_of_them() -> None:
    done = ran([sys.executable, CHECK["__file__"]])
    assert done.returncode == 0, done.stdout


def test_the_style_page_gives_a_reason_for_the_words() -> None:
    style = (ROOT / "docs" / "style.md").read_text(encoding="utf-8")
    assert {"told", "so many", "whoever", "of one's own", "bears", "there is none"} <= {
        pattern.pattern[2:-2].replace(r"\s+(?:# )?", " ") for pattern in CHECK["avoided"](CHECK["WORDS"].read_text())
    }
    assert "| told |" in style
