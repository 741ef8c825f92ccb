"""Tables that are longer than what is in memory: the same bytes and values, whatever cuts a run off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import gossim
from gossim.errors import InputError
from gossim.results import Results
from gossim.runner import pair
from gossim.scenario.scenario import Scenario
from gossim.tables import parquet
from gossim.tables.columns import TABLES
from gossim.tables.pieces import cut
from gossim.tables.stored_table import StoredTable
from support.interrupted import Stopped, table_bytes
from support.scenarios import scenario

ROWS = 48
"""In a piece, in place of some thousand: some five probes of four workers, with their gaps and layers."""


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setattr(pair, "window_size", lambda *_: (16, 10**6))
    monkeypatch.setattr("gossim.runner.checkpoint.SHARE", float("inf"))
    monkeypatch.setattr(Results, "plot", lambda *_, **__: {})
    with pytest.MonkeyPatch.context() as patch:
        for module in ("tables.pieces", "tables.parquet", "tables.stored_table", "runner.recording"):
            patch.setattr(f"gossim.{module}.PIECE_ROWS", ROWS)
        patch.setattr("gossim.runner.recording.IN_MEMORY_ROWS", 2 * ROWS)
        yield patch


def asked(**sections: Any) -> Scenario:
    probe = {"every_s": 0.1, "layers": True, "gradient_gap": True}
    return scenario(**{"until": {"gradient_steps": 160}, "probe": probe, "repeats": 2, **sections})


def require_the_same(results: gossim.Results, other: gossim.Results) -> None:
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(results, name), getattr(other, name), check_exact=True)


def test_a_cut_table_is_the_same_table() -> None:
    frame = pd.DataFrame({"number": range(10)})
    parts = [frame[:3], frame[3:3], frame[3:9], frame[9:]]
    for rows, lengths in ((4, [4, 4, 2]), (5, [5, 5]), (100, [10])):
        pieces = list(cut(parts, rows))
        assert [len(piece) for piece in pieces] == lengths
        pd.testing.assert_frame_equal(pd.concat(pieces, ignore_index=True), frame)
    assert [len(piece) for piece in cut([frame[:0], frame[:0]], 4)] == [0]


@pytest.mark.parametrize("rows", [0, ROWS])
def test_a_short_table_has_the_bytes_that_pandas_writes(rows: int, tmp_path: Path) -> None:
    run = gossim.run(asked(repeats=1))
    for name in TABLES:
        frame = getattr(run, name).head(rows)
        parquet.write_table([frame], tmp_path / "ours", 3)
        frame.attrs = {parquet.MARK: 3}
        frame.to_parquet(tmp_path / "pandas", index=False)
        assert (tmp_path / "ours").read_bytes() == (tmp_path / "pandas").read_bytes()


def test_long_tables_stay_on_the_disk_and_hold_the_same(tmp_path: Path, short_pieces: pytest.MonkeyPatch) -> None:
    run = gossim.run(asked(), out=tmp_path / "run")
    assert isinstance(vars(run)["workers"], StoredTable)
    opened = Results.open(tmp_path / "run")
    assert isinstance(vars(opened)["workers"], StoredTable)
    pd.testing.assert_frame_equal(run.summary(), opened.summary())
    assert isinstance(vars(opened)["workers"], StoredTable), "the summary needs no more than the last rows"
    gossim.run(asked(), out=tmp_path / "jobs", jobs=2)
    assert table_bytes(tmp_path / "run") == table_bytes(tmp_path / "jobs")
    in_memory = gossim.run(asked())
    short_pieces.undo()
    whole = gossim.run(asked(), out=tmp_path / "whole")
    assert isinstance(vars(whole)["workers"], pd.DataFrame)
    pd.testing.assert_frame_equal(run.summary(), whole.summary(), check_exact=True)
    for same in (run, opened, in_memory, Results.open(tmp_path / "run")):
        require_the_same(same, whole)


def test_a_run_that_is_cut_off_ends_in_the_same_bytes(tmp_path: Path) -> None:
    gossim.run(asked(), out=tmp_path / "whole")
    out, found = tmp_path / "cut", []
    for ended, time_s in ((0, 0.5), (0, 1.1), (0, 2.0), (1, 1.5)):  # ended: since it was begun again
        with pytest.raises(KeyboardInterrupt):
            gossim.run(asked(), out=out, progress=Stopped(ended, time_s), checkpoint_every_s=0.0)
        found.append(len(list(out.glob("unfinished/*rows*"))))
        assert not Results.open(out).workers.duplicated(["arm", "seed", "time_s", "worker"]).any()
    assert found[-1] > found[1] > 0
    gossim.run(asked(), out=out, checkpoint_every_s=0.0)
    assert table_bytes(out) == table_bytes(tmp_path / "whole")
    assert not (out / "unfinished").exists()


@pytest.mark.parametrize("of", ["under way", "ended"])
def test_a_piece_that_is_gone_is_made_again(of: str, tmp_path: Path) -> None:
    gossim.run(asked(), out=tmp_path / "whole")
    out = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        gossim.run(asked(), out=out, progress=Stopped(int(of == "ended"), 2.0), checkpoint_every_s=0.0)
    pieces = sorted(out.glob("unfinished/0-0-rows-*"))
    pieces[0].write_bytes(pieces[0].read_bytes()[:-100])
    gossim.run(asked(), out=out)
    assert table_bytes(out) == table_bytes(tmp_path / "whole")


def test_results_are_of_the_run_that_was_opened(tmp_path: Path) -> None:
    gossim.run(asked(), out=tmp_path)
    opened, before = Results.open(tmp_path), Results.open(tmp_path).workers
    gossim.run(asked(seed=7), out=tmp_path, force=True)
    pd.testing.assert_frame_equal(opened.workers, before)
    assert set(opened.workers["seed"]) == {0, 1}


def test_a_long_table_with_a_row_twice_is_refused(tmp_path: Path) -> None:
    gossim.run(asked(), out=tmp_path)
    path = tmp_path / "workers.parquet"
    workers = pd.read_parquet(path)
    workers.iloc[::-1].to_parquet(path, index=False)  # in whatever order
    assert len(Results.open(tmp_path).workers) == len(workers)
    workers.loc[ROWS] = workers.loc[ROWS - 1]
    workers.to_parquet(path, index=False)
    with pytest.raises(InputError, match="two rows of the same worker at the same time"):
        Results.open(tmp_path)
