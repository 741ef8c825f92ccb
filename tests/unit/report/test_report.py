"""The report of a run: what is in the page, that names stay texts, and that it stays small."""

from __future__ import annotations

import base64
import html
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import gossim
from gossim.errors import InputError
from gossim.report import film as films
from gossim.report.page import LARGEST_PAGE, page
from gossim.report.places import places
from gossim.results import Results
from support.commands import gossim_command
from support.reports import EVIL, data_of, small_run
from support.scenarios import BASE, only_arm


@pytest.fixture(scope="module")
def results() -> Results:
    return small_run()


@pytest.fixture(scope="module")
def text(results: Results) -> str:
    return page(results)


def test_table_sentences_and_scenario_are_in_the_page(results: Results, text: str) -> None:
    for sentence in results.sentences():
        assert html.escape(sentence) in text
    for steps in results.summary()["gradient_steps"]:
        assert f"<td>{steps:,.0f}" in text
    assert html.escape(results.scenario.to_yaml()) in text


def test_names_are_texts(text: str) -> None:
    assert EVIL not in text
    assert html.escape(EVIL) in text
    assert [line["name"] for line in data_of(text)["arms"]] == ["push", EVIL, "alone"]


def test_nothing_is_fetched(text: str) -> None:
    outside = text.replace(re.findall(r"<script>(.*?)</script>", text, re.DOTALL)[0], "")
    assert not re.findall(r"<(?:link|img|script|iframe)[^>]*(?:src|href)=\"(?!data:)", outside)
    assert "default-src 'none'" in outside


def test_curves_are_the_means_of_the_probes(results: Results, text: str) -> None:
    (chart,) = [chart for chart in data_of(text)["charts"] if chart["key"] == "consensus_distance_by_time"]
    (line,) = [trace for trace in chart["figure"]["data"] if trace.get("name") == "push"]
    probes = results.probes[(results.probes["arm"] == "push") & (results.probes["consensus_distance"] > 0)]
    means = probes.groupby("time_s")["consensus_distance"].mean()
    assert np.allclose(_decoded(line["x"]), means.index)
    assert np.allclose(_decoded(line["y"]), means)


def _decoded(array: Any) -> Any:
    return np.frombuffer(base64.b64decode(array["bdata"]), dtype=array["dtype"])


def test_the_film_shows_what_the_tables_say(results: Results, text: str) -> None:
    film = data_of(text)["film"]
    push = film["arms"][0]
    own = results.timeline[(results.timeline["arm"] == "push") & (results.timeline["seed"] == 0)]
    messages = own[own["activity"] == "message"].sort_values("start_s")
    assert push["messages"]["from"] == messages["worker"].tolist()
    assert push["messages"]["to"] == messages["receiver"].tolist()
    assert np.allclose(push["messages"]["alpha"], messages["alpha"], rtol=1e-3)
    assert np.allclose(push["messages"]["there"], messages["end_s"], atol=film["end_s"] / 10_000)
    worker = own[(own["worker"] == 1) & (own["activity"] != "message")].sort_values("start_s")
    assert push["activities"][1]["what"] == "".join(activity[0] for activity in worker["activity"])
    assert np.allclose(push["activities"][1]["from"], worker["start_s"], atol=film["end_s"] / 10_000)
    states = results.workers[(results.workers["arm"] == "push") & (results.workers["seed"] == 0)]
    for column, shown in (("alpha", push["alpha"]), ("distance", push["distance"])):
        assert np.allclose(shown, states.pivot(index="time_s", columns="worker", values=column), rtol=1e-3)
    assert [sum(row) <= 1.001 for row in push["alpha"]] == [True] * len(push["probe_s"])
    assert film["arms"][2]["alpha"] is None
    assert film["end_s"] == pytest.approx(results.timeline["end_s"].max())


def test_a_long_film_ends_earlier_and_the_page_is_small(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = films.film(results)
    assert whole
    monkeypatch.setattr(films, "MOST_CHARACTERS", len(films.written(whole)) // 2)
    cut = films.film(results)
    assert cut
    assert cut["end_s"] < whole["end_s"]
    assert len(films.written(cut)) <= films.MOST_CHARACTERS
    assert max(cut["arms"][0]["probe_s"]) <= cut["end_s"]
    assert len(page(results)) < LARGEST_PAGE


def test_of_many_workers_the_first_are_shown() -> None:
    shown = films.film(gossim.run(gossim.Scenario.parse({**BASE, "workers": 70, "until": {"time_s": 0.4}})))
    assert shown
    (arm,) = shown["arms"]
    assert (arm["workers"], arm["all_workers"], len(arm["xy"])) == (64, 70, 64)
    assert max(arm["messages"]["to"] + arm["messages"]["from"], default=0) < 64


def test_of_the_clock_alone_there_are_no_losses_and_no_distances() -> None:
    data = data_of(page(gossim.run(gossim.Scenario.parse({**BASE, "until": {"time_s": 1.0}}), gradients=False)))
    (arm,) = data["film"]["arms"]
    assert (arm["losses"], arm["distance"]) == (None, None)
    assert arm["alpha"][0] == [0.25] * 4
    assert {chart["key"] for chart in data["charts"]} >= {"film_alpha_in_flight_by_time", "alpha_sum_by_time"}


@pytest.mark.parametrize("topology", ["complete", "ring", "star", "grid", "hypercube", "torus", "one_peer_exponential"])
def test_places_are_apart_and_inside(topology: str) -> None:
    more = {"rows": 4} if topology in ("grid", "torus") else {}
    arm = only_arm(workers=16, topology={"name": topology, **more})
    xy, links = places(arm, 0, 1)
    assert len(xy) == 17
    assert np.abs(xy).max() <= 1
    assert min(np.hypot(*np.subtract(a, b)) for n, a in enumerate(xy[:16]) for b in xy[:n]) > 0.1
    assert bool(links) == (topology not in ("complete", "one_peer_exponential"))


def test_the_command_writes_beside_the_tables_and_where_it_says(tmp_path: Path) -> None:
    out = tmp_path / "run"
    gossim.run(gossim.Scenario.parse({**BASE, "until": {"time_s": 0.5}}), out=out)
    done = gossim_command("report", out, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{out / 'report.html'}\n")
    again = gossim_command("report", out, "--out", "page.html", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, "page.html\n")
    assert (tmp_path / "page.html").read_bytes() == (out / "report.html").read_bytes()
    assert oct((out / "report.html").stat().st_mode)[-3:] == oct((out / "manifest.json").stat().st_mode)[-3:]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "."], ".: is not a run directory"),
        (["report", "run", "--out", "run/manifest.json"], "is a file of a run's own"),
        (["report", "run", "--out", "run"], "is a directory; name a file"),
        (["report", "run", "--out", "no/page.html"], "cannot be written: No such file"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused(arguments: list[str], message: str, tmp_path: Path) -> None:
    gossim.run(gossim.Scenario.parse({**BASE, "until": {"time_s": 0.5}}), out=tmp_path / "run")
    done = gossim_command(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert not (tmp_path / "run" / "report.html").exists()


def test_run_reports_now_or_when_asked_again(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(yaml.safe_dump({**BASE, "until": {"time_s": 0.5}}))
    command = ["run", "s.yaml", "--jobs", "1"]
    assert gossim_command(*command, cwd=tmp_path).returncode == 0
    page_file = tmp_path / "runs" / "s" / "report.html"
    assert not page_file.exists()
    done = gossim_command(*command, "--report", cwd=tmp_path)  # --report is no part of a run's identity
    assert done.returncode == 0, done.stderr
    assert "report in runs/s/report.html" in done.stdout
    page_file.unlink()
    forced = gossim_command(*command, "--report", "--force", cwd=tmp_path)
    assert "report in runs/s/report.html" in forced.stdout
    assert page_file.stat().st_size > 1_000_000
    assert gossim_command(*command, "--force", "--quiet", cwd=tmp_path).returncode == 0
    assert not page_file.exists()  # of the run before


def test_a_run_without_records_has_no_report(results: Results, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to report"):
        replace(results, probes=results.probes.iloc[:0]).report(tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


def test_an_algorithm_of_somebody_else_is_shown_and_not_imported(folder: Path) -> None:
    code = "from gossim.algorithms.gosgd_push import GoSGDPush\nclass Mine(GoSGDPush):\n    name: str = 'theirs:Mine'\n"
    (folder / "theirs.py").write_text(code)
    arm = {"algorithm": {"name": "theirs:Mine", "push_probability": 0.5}}
    gossim.run(gossim.Scenario.parse({**BASE, "until": {"time_s": 0.5}, "arms": {"arm": arm}}), out=folder / "run")
    (folder / "theirs.py").write_text("raise SystemExit('imported')\n")
    del sys.modules["theirs"]
    done = gossim_command("report", "run", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "theirs" not in sys.modules
