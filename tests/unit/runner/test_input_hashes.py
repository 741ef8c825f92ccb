"""What a run depends on beside its scenario: files and modules of one's own, by their content."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import gossim
from gossim.errors import ScenarioError
from gossim.runner.input_hashes import inputs
from gossim.scenario.scenario import Scenario
from support.files import sha256, written
from support.scenarios import DIGITS, scenario

MODEL = "from torch import nn\nimport layers\ndef net(width=4):\n    return layers.net(width)\n"
LAYERS = "from torch import nn\ndef net(width): return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"


FILES: list[tuple[dict[str, str], dict[str, Any]]] = [
    (
        {"latency.csv": "0,0.1\n0.1,0\n"},
        {"workers": 2, "network": {"latency_s": {"matrix": "latency.csv"}, "bandwidth_bytes_per_s": None}},
    ),
    (
        {"times.csv": "t\n0.1\n0.2\n"},
        {"compute": {"time_s": {"distribution": "empirical", "file": "times.csv", "column": "t"}}},
    ),
    (
        {"steps.csv": "rank,seconds\n" + "".join(f"{rank},0.1\n" for rank in range(4))},
        {"compute": {"time_s": {"replay": "steps.csv", "worker": "rank", "column": "seconds"}}},
    ),
    (
        {"down.csv": "worker,down_s,up_s\n1,5,6\n"},
        {"faults": [{"name": "availability", "file": "down.csv", "parameters": "kept"}]},
    ),
    ({"links.csv": "0,1\n1,2\n2,3\n3,0\n"}, {"topology": {"name": "edge_list", "file": "links.csv"}}),
    (
        {"devices.csv": "ms_per_sample,upload_bits_per_s,download_bits_per_s\n" + 4 * "5,1e6,1e6\n"},
        {
            "trace": {"file": "devices.csv", "samples_per_gradient": 2},
            "compute": {"time_s": "trace"},
        },
    ),
]


@pytest.mark.parametrize(("files", "sections"), FILES, ids=[next(iter(files)) for files, _ in FILES])
def test_every_kind_of_file_that_a_scenario_names(files: dict[str, str], sections: Any, folder: Path) -> None:
    digests = written(folder, files)
    assert inputs(scenario(**sections)) == digests
    (name,) = files
    written(folder, {name: files[name] + "\n"})
    assert inputs(scenario(**sections)) == {name: sha256(files[name] + "\n")}


@pytest.mark.parametrize(("files", "sections"), FILES, ids=[next(iter(files)) for files, _ in FILES])
def test_a_pipe_is_refused_at_once(files: dict[str, str], sections: Any, folder: Path) -> None:
    for name in files:
        os.mkfifo(folder / name)
    with pytest.raises(ScenarioError, match="is no ordinary file"):
        scenario(**sections)


def test_every_key_with_a_file_is_known() -> None:
    """A new file is found by being one. A new directory is not: whoever adds a key sees this test."""
    texts: set[str] = set()

    def collect(schema: Any) -> None:
        if isinstance(schema, dict):
            for key, kind in schema.get("properties", {}).items():
                kinds = kind.get("anyOf", [kind])
                if any(each.get("type") == "string" and not {"const", "enum"} & set(each) for each in kinds):
                    texts.add(key)
            for value in schema.values():
                collect(value)
        elif isinstance(schema, list):
            for value in schema:
                collect(value)

    collect(Scenario.model_json_schema())
    columns = {"column", "worker", "ms_per_sample", "upload_bits_per_s", "download_bits_per_s"}
    words = {"title", "name", "unit", "target", "loss"}
    assert texts == {"file", "matrix", "replay", "directory"} | columns | words


def test_modules_of_ones_own_and_what_they_import_beside_them(folder: Path) -> None:
    digests = written(folder, {"mine.py": MODEL, "layers.py": LAYERS, "other.py": "", "weights.txt": "1"})
    problem = {"model": {"name": "mine:net"}, "data": DIGITS, "batch_size": 4}
    described = scenario(problem=problem)
    del digests["other.py"], digests["weights.txt"]
    assert inputs(described) == digests
    given = scenario(problem={**problem, "model": {"name": "mine:net", "width": 5, "start": "weights.txt"}})
    assert inputs(given) == digests | {"weights.txt": sha256("1")}
    own = "from gossim.algorithms.gosgd_push import GoSGDPush\nclass Mine(GoSGDPush):\n    pass\n"
    package = written(folder, {"pkg/__init__.py": "", "pkg/mine.py": own, "pkg/deep/more.py": "x = 1\n"})
    algorithm = {"name": "pkg.mine:Mine", "push_probability": 0.5}
    assert inputs(scenario(algorithm=algorithm)) == package


def test_what_cannot_be_found_is_left_for_the_run_to_tell(folder: Path) -> None:
    written(folder, {"digits": "a file that is called as a data set is", "broken.py": "def ("})
    problem = {"model": {"name": "no.such:thing"}, "data": DIGITS, "batch_size": 4}
    assert inputs(scenario(problem=problem)) == {}
    assert set(inputs(scenario(problem={**problem, "model": {"name": "broken:thing"}}))) == {"broken.py"}


def test_the_images_of_a_directory(folder: Path) -> None:
    digests = written(folder, {"images/data_batch_1.bin": "1", "images/deep/test_batch.bin": "2", "images/notes": "3"})
    del digests["images/notes"]
    data = {"name": "cifar10", "directory": "images"}
    assert inputs(scenario(problem={"model": {"name": "logistic"}, "data": data, "batch_size": 4})) == digests


def test_the_manifest_has_the_hashes_of_input_files(folder: Path) -> None:
    (files, sections), *_ = FILES
    digests = written(folder, files)
    gossim.run(scenario(**sections), out="out")
    manifest = json.loads((folder / "out" / "manifest.json").read_text())
    assert manifest["inputs"] == digests
    assert gossim.run(scenario()).manifest["inputs"] == {}
