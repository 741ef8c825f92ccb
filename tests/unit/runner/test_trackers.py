"""Scalars for trackers: what is read back is what the tables hold, against simulated time."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import gossim
from gossim.errors import InputError
from gossim.results import Results
from gossim.runner import trackers
from support.commands import gossim_command
from support.scenarios import BASE

ARMS: dict[str, Any] = {
    "push": {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}},
    "one/two & three": {"algorithm": {"name": "sgd"}, "workers": 1},
}
SMALL: dict[str, Any] = {**BASE, "until": {"time_s": 0.6}, "repeats": 2, "arms": ARMS}


def run(out: Path, *log: str) -> Results:
    return gossim.run(gossim.Scenario.parse(SMALL), out=out, log=log)


def test_tensorboard_reads_each_scalar_at_its_simulated_time(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    results = run(tmp_path / "run", "tensorboard")
    folders = sorted((tmp_path / "run" / "logs" / "tensorboard").glob("*/*"))
    assert len(folders) == 4
    own = results.probes[(results.probes["arm"] == "push") & (results.probes["seed"] == 1)]
    read = EventAccumulator(str(tmp_path / "run" / "logs" / "tensorboard" / "push" / "seed_1"))
    read.Reload()
    columns = {name for name in own if own[name].notna().any()} - {"arm", "seed", "time_s"}
    assert set(read.Tags()["scalars"]) == columns
    for column in columns:
        events = read.Scalars(column)
        assert np.allclose([event.value for event in events], own[column].astype(float), rtol=1e-6)
        assert [event.wall_time for event in events] == own["time_s"].tolist()
        assert [event.step for event in events] == own["gradient_steps"].tolist()


def test_csv_is_the_table_of_the_probes_and_what_was_there_goes(tmp_path: Path) -> None:
    results = run(tmp_path / "run", "csv")
    path = tmp_path / "run" / "logs" / "csv" / "scalars.csv"
    assert np.allclose(pd.read_csv(path)["train_loss"], results.probes["train_loss"])
    (path.parent / "old").touch()
    again = run(tmp_path / "run", "csv")  # the run is there already: --log is no part of its identity
    assert len(again.probes) == len(results.probes)
    assert [each.name for each in path.parent.iterdir()] == ["scalars.csv"]
    gossim.run(gossim.Scenario.parse(SMALL), out=tmp_path / "run", force=True)
    assert not path.parent.parent.exists()


def records(log: bytes) -> Iterator[bytes]:
    """The records of a wandb file: blocks of 32 KiB (LevelDB's log format, after 7 bytes of its own) with chunks of a
    checksum, a length and a kind, 1 for a whole record, 2 for its first part, 3 for a middle one, 4 for the last."""
    place, parts = 7, b""
    while place + 7 <= len(log):
        if 2**15 - place % 2**15 < 7:
            place += 2**15 - place % 2**15
            continue
        length, kind = struct.unpack("<HB", log[place + 4 : place + 7])
        parts += log[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            yield parts
            parts = b""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("wandb") is None, reason="wandb is not installed: pip install gossim[trackers]")
def test_wandb_writes_offline_runs(tmp_path: Path) -> None:
    from wandb.proto import wandb_internal_pb2

    results = run(tmp_path / "run", "wandb")
    files = list((tmp_path / "run" / "logs" / "wandb").rglob("*.wandb"))
    assert len(files) == 4
    seen = {}
    for file in files:
        rows, name = [], ""
        for data in records(file.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            if record.HasField("run"):
                name = record.run.display_name
            if record.HasField("history"):
                rows.append({"/".join(i.nested_key) or i.key: float(i.value_json) for i in record.history.item})
        seen[name] = rows
    own = results.probes[(results.probes["arm"] == "push") & (results.probes["seed"] == 1)]
    assert [row["time_s"] for row in seen["push, seed 1"]] == own["time_s"].tolist()
    assert np.allclose([row["train_loss"] for row in seen["push, seed 1"]], own["train_loss"])


def test_gossim_run_log_writes_scalars_again_each_time(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(SMALL))
    command = ["run", "s.yaml", "--jobs", "1", "--log", "csv"]
    for _ in range(2):
        done = gossim_command(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "scalars in runs/s/logs/csv" in done.stdout
    wrong = gossim_command("run", "s.yaml", "--log", "tensorbord", "--out", "new", cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "--log tensorbord: unknown tracker; did you mean 'tensorboard'?" in wrong.stderr
    assert not (tmp_path / "new").exists()


def test_a_package_that_is_missing_is_named_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"--log wandb: needs the package .* gossim\[trackers\]"):
        run(tmp_path / "run", "wandb")
    assert not (tmp_path / "run").exists()


def test_python_needs_a_directory() -> None:
    with pytest.raises(InputError, match="needs `out`"):
        gossim.run(gossim.Scenario.parse(SMALL), log=["csv"])


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "csv").mkdir(parents=True)
    (tmp_path / "elsewhere" / "csv" / "mine").touch()
    run(tmp_path / "run")
    (tmp_path / "run" / "logs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(gossim.RunError, match="is a symbolic link"):
        run(tmp_path / "run", "csv")
    assert (tmp_path / "elsewhere" / "csv" / "mine").exists()
