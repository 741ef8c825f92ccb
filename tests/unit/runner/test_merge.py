"""Parts of a sweep and their merge: what one sweep of all points writes, to the byte."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

import gossim
from gossim.errors import InputError
from gossim.results import SweepResults
from gossim.runner.merge import merge
from gossim.scenario.sweep import Sweep
from support.commands import ENVIRONMENT, ROOT, gossim_command
from support.present import present
from support.processes import ran
from support.sweeps import SWEPT, Watched


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The four points in three parts."""
    folder = tmp_path_factory.mktemp("parts")
    for number in (1, 2, 3):
        gossim.sweep(Sweep.parse(SWEPT), out=folder / f"{number}", jobs=1, part=(number, 3))
    return [folder / f"{number}" for number in (1, 2, 3)]


def test_parts_have_each_point_once() -> None:
    points = Sweep.parse(SWEPT).points
    for count in (1, 2, 3, 4, 7):
        together = [point for number in range(count) for point in Sweep.parse(SWEPT).part(number + 1, count)]
        assert sorted(point.name for point in together) == sorted(point.name for point in points)


@pytest.mark.draws
def test_the_merged_table_is_that_of_one_sweep_to_the_byte(
    swept: tuple[SweepResults, Path], parts: list[Path], tmp_path: Path
) -> None:
    whole, directory = swept
    results = merge(parts[::-1], tmp_path / "all")
    assert results.table.equals(whole.table)
    for name in ("sweep.parquet", "sweep.yaml"):
        assert (tmp_path / "all" / name).read_bytes() == (directory / name).read_bytes()
    for point in whole.sweep.points:
        for table in ("probes", "workers"):
            file = Path("points") / point.name / f"{table}.parquet"
            assert (tmp_path / "all" / file).read_bytes() == (directory / file).read_bytes()
    assert {file.name for file in (tmp_path / "all" / "figures").iterdir()} == {
        file.name for file in (directory / "figures").iterdir()
    }
    assert not (parts[0] / "figures").exists()


def test_nothing_that_is_merged_is_run_again(parts: list[Path], tmp_path: Path) -> None:
    merge(parts, tmp_path / "all")
    watched = Watched()
    gossim.sweep(Sweep.parse(SWEPT), out=tmp_path / "all", jobs=1, progress=watched)
    assert watched.begun == (4, 4)


def test_a_missing_part_is_refused_and_nothing_is_written(parts: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"2 of 4 points are not done in any of these .*: workers = 2, .* and 1"):
        merge(parts[1:], tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_what_is_not_one_sweep_is_refused(parts: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no sweep: it has no sweep\.yaml"):
        merge([*parts, tmp_path], tmp_path / "all")
    other = shutil.copytree(parts[0], tmp_path / "other")
    data = yaml.safe_load((other / "sweep.yaml").read_text())
    (other / "sweep.yaml").write_text(yaml.safe_dump({**data, "seed": 7}))
    with pytest.raises(
        InputError, match=rf"other: holds another sweep than {re.escape(str(parts[0]))}: .* differ in seed"
    ):
        merge([*parts, other], tmp_path / "all")
    with pytest.raises(InputError, match="is one of the directories to be merged"):
        merge(parts, parts[1])


@pytest.mark.parametrize(("key", "name"), [("versions", "torch"), ("inputs", "trace.csv")])
def test_parts_of_different_versions_or_files_are_refused(
    parts: list[Path], tmp_path: Path, key: str, name: str
) -> None:
    folders = [shutil.copytree(part, tmp_path / part.name) for part in parts]
    for place, folder in enumerate(folders):
        for file in folder.glob("points/*/manifest.json"):
            manifest = json.loads(file.read_text())
            file.write_text(json.dumps({**manifest, key: {**manifest[key], name: str(place // 2)}}))
    with pytest.raises(InputError, match=f"3: ran with .*{name}"):
        merge(folders, tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_links_in_a_part_are_not_followed(parts: list[Path], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("not yours")
    folders = [shutil.copytree(part, tmp_path / part.name) for part in parts]
    point = next((folders[0] / "points").iterdir())
    os.symlink(tmp_path / "secret", point / "notes.txt")
    merge(folders, tmp_path / "all")
    assert not (tmp_path / "all" / "points" / point.name / "notes.txt").exists()


@pytest.mark.parametrize("part", ["0/3", "4/3", "3", "1/0", "a/b", "1/3/5", "-1/3", "1.5/3"])
def test_a_part_that_is_none_is_refused(part: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(SWEPT))
    done = gossim_command("sweep", tmp_path / "s.yaml", f"--part={part}", cwd=tmp_path)
    assert done.returncode == 2
    assert f"--part {part}: must read I/N with 1 <= I <= N" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_more_parts_than_points_leave_some_empty(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(SWEPT))
    done = gossim_command("sweep", tmp_path / "s.yaml", "--part", "6/6", cwd=tmp_path)
    assert done.returncode == 0
    assert f"0 rows in {Path('runs/s,part=6of6/sweep.parquet')}" in done.stdout


@pytest.mark.slow
def test_the_page_s_slurm_script_runs_as_a_shell_script(tmp_path: Path) -> None:
    """As Slurm runs it: once for each number of the array, then the command that joins the parts."""
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / "scaling.md").read_text(), re.DOTALL)
    script, joined = next(block for block in blocks if "#SBATCH" in block), next(b for b in blocks if "merge" in b)
    (tmp_path / "straggler_sweep.yaml").write_text(yaml.safe_dump(SWEPT))
    (tmp_path / "sweep.sbatch").write_text(script)
    env = {**ENVIRONMENT, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    count = int(present(re.search(r"--array=1-(\d+)", script))[1])
    for number in range(1, count + 1):
        task = {"SLURM_ARRAY_TASK_ID": str(number), "SLURM_ARRAY_TASK_COUNT": str(count), "SLURM_CPUS_PER_TASK": "1"}
        assert ran(["bash", "sweep.sbatch"], tmp_path, env | task).returncode == 0
    assert ran(["bash", "-c", joined], tmp_path, env).returncode == 0
    assert (tmp_path / "runs" / "straggler_sweep" / "sweep.parquet").exists()
