"""What docs/write_your_own_algorithm.md shows, done in its order by a reader with an empty directory."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

import gossim
from gossim import schema
from gossim.sim.message import Message
from gossim.sim.world import World
from support.commands import ENVIRONMENT, ROOT, gossim_command
from support.drawing import no_figures
from support.processes import ran
from support.scenarios import only_arm

GUIDE = (ROOT / "docs" / "write_your_own_algorithm.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", GUIDE, re.DOTALL)
# As the command `pytest` does it, which does not put the current directory on Python's path by itself.
PYTEST = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider"]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Blocks with a file's name in their first line are saved, commands given; the directory, and what was said."""
    directory, said, tested = tmp_path_factory.mktemp("reader"), [], []
    for language, block in BLOCKS:
        if language == "sh":
            for line in block.splitlines():
                command, *arguments = shlex.split(line)
                if command == "gossim":
                    with no_figures():
                        done = gossim_command(*arguments, cwd=directory)
                    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
                    said.append(done.stdout)
                else:
                    tested += arguments
        else:
            name = block.splitlines()[0].removeprefix("# ")
            assert re.fullmatch(r"\w+\.(py|yaml)", name), block
            (directory / name).write_text(block, encoding="utf-8")
    # In one process, which takes seconds to begin.
    done = ran([*PYTEST, *tested], directory, {**ENVIRONMENT, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return directory, [*said, done.stdout]


def test_every_block_is_one_that_is_done() -> None:
    assert {language for language, _ in BLOCKS} == {"python", "yaml", "sh"}
    assert len(BLOCKS) == 10
    commands = [line.split()[0] for language, block in BLOCKS if language == "sh" for line in block.splitlines()]
    assert commands == ["gossim", "gossim", "gossim", "pytest", "pytest"]


@pytest.mark.slow  # a process that imports torch
def test_the_guides_algorithm_runs_and_its_tests_pass(
    reader: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, (validated, ran, _, tested) = reader
    assert "valid; arms fading, steady" in validated
    assert "fading" in ran
    assert "steady" in ran
    assert "7 passed" in tested
    monkeypatch.syspath_prepend(directory)
    results = gossim.Results.open(directory / "runs" / "fading")
    assert results.scenario.arms["fading"].algorithm.name == "fading:FadingRing"
    assert (directory / "runs" / "later" / "probes.parquet").is_file()


def test_every_verb_in_the_guides_table_exists() -> None:
    """Those of the table, and what a worker and a message know."""
    arm = only_arm()
    worker = World(arm, arm.algorithm, seed=0, message_bytes=8).workers[0]
    verbs = set(re.findall(r"`w\.(\w+)", GUIDE))
    assert len(verbs) > 25
    for verb in verbs:
        assert hasattr(worker, verb), verb
    table = {line.split("`w.")[1].split("(")[0] for line in GUIDE.splitlines() if line.startswith("| `w.")}
    assert {"gradient", "compute", "step", "push", "pull", "merge", "mix", "ask", "draft", "combine", "drop"} <= table
    for part in ("sender", "row", "rows", "alpha"):
        assert part in dir(Message) or part in Message.__annotations__
    for kind in ("Probability", "Count", "Index", "Positive", "NonNegative"):
        assert f"`{kind}`" in GUIDE
        assert kind in schema.__all__
