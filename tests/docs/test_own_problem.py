"""What docs/your_own_problem.md shows, done in its order by a reader with an empty directory."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

import gossim
from support.commands import ENVIRONMENT, ROOT
from support.processes import ran

PAGE = (ROOT / "docs" / "your_own_problem.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)

# A reader's commands, each a process that imports torch.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Blocks with a file's name in their first line are saved, commands given; the directory, and what was said."""
    directory, said = tmp_path_factory.mktemp("reader"), {}
    for language, block in BLOCKS:
        if language != "sh":
            name = block.splitlines()[0].removeprefix("# ")
            assert re.fullmatch(r"\w+\.(py|yaml)", name), block
            (directory / name).write_text(block, encoding="utf-8")
            continue
        for line in block.splitlines():
            command, *arguments = shlex.split(line)
            module = ["-m", "gossim"] if command == "gossim" else []
            done = ran([sys.executable, *module, *arguments], directory, {**ENVIRONMENT, "PYTHONPATH": str(ROOT)})
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
            said[line] = done.stdout
    return directory, said


def test_every_block_is_one_that_is_done(reader: tuple[Path, dict[str, str]]) -> None:
    assert {language for language, _ in BLOCKS} == {"python", "yaml", "sh"}
    assert [line.split()[:2] for line in reader[1]] == [
        ["python", "wines.py"],
        ["gossim", "validate"],
        ["gossim", "run"],
        ["gossim", "plot"],
    ]


def test_the_results_are_what_the_page_says(reader: tuple[Path, dict[str, str]]) -> None:
    directory, said = reader
    results = gossim.Results.open(directory / "runs" / "wine")
    last = results.probes.groupby(["arm", "seed"]).last()
    assert (last.test_f1 > 0.85).all()
    assert (last.test_accuracy > 0.85).all()
    run = next(text for line, text in said.items() if line.startswith("gossim run"))
    assert "to test f1 0.95" in re.sub(r"\s+", " ", run)
    # 13 x 8 + 8, 2 x 8 of LayerNorm, 8 x 3 + 3, in single precision
    last = results.probes[results.probes.arm == "gosgd_push"].iloc[-1]
    assert last.bytes_sent == last.messages_sent * (112 + 16 + 27) * 4
    figures = {path.name for path in (directory / "runs" / "wine" / "figures").iterdir()}
    assert {f"{name}.{kind}" for name in ("loss", "loss_by_steps", "metrics") for kind in ("png", "svg")} <= figures
    assert (directory / "paper" / "metrics.png").is_file()
