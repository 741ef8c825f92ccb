"""What surrounds the code: metadata, license, citation, lock file, make targets, and the layers as a page has them."""

from __future__ import annotations

import importlib
import inspect
import re
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from flit_core import buildapi
from packaging.requirements import Requirement

import gossim
from gossim.files import yaml12
from support.commands import ROOT


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


PYPROJECT: dict[str, Any] = tomllib.loads(text("pyproject.toml"))
PROJECT: dict[str, Any] = PYPROJECT["project"]
CONTRACTS: dict[str, Any] = {each["id"]: each for each in PYPROJECT["tool"]["importlinter"]["contracts"]}
LAYERS = [{name.strip(" ()") for name in layer.split("|")} for layer in CONTRACTS["layers"]["layers"]]
"""Those of the contract, the highest first."""


def test_the_license_is_that_of_the_metadata() -> None:
    assert PROJECT["license"] == "MIT"
    assert PROJECT["license-files"] == ["LICENSE"]
    title, copyright = text("LICENSE").split("\n\n")[:2]
    assert title == "MIT License"
    (author,) = PROJECT["authors"]
    assert re.fullmatch(rf"Copyright \(c\) \d{{4}} {author['name']}", copyright)


def test_classifiers_agree_with_the_metadata() -> None:
    classifiers = PROJECT["classifiers"]
    assert not [each for each in classifiers if each.startswith("License ::")]  # the expression says it
    versions = [each.rpartition(" ")[2] for each in classifiers if re.search(r":: 3\.\d+$", each)]
    assert versions == ["3.11", "3.12", "3.13"]
    assert PROJECT["requires-python"] == f">={versions[0]}"
    assert PYPROJECT["tool"]["ruff"]["target-version"] == f"py{versions[0].replace('.', '')}"
    assert PYPROJECT["tool"]["mypy"]["python_version"] == versions[0]


def test_a_wheel_holds_the_mark_of_types_and_the_license(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with zipfile.ZipFile(tmp_path / buildapi.build_wheel(str(tmp_path))) as wheel:
        names = wheel.namelist()
    assert "gossim/py.typed" in names
    assert f"gossim-{gossim.__version__}.dist-info/licenses/LICENSE" in names


def test_the_citation_is_complete_and_of_this_version() -> None:
    citation = yaml12.read(text("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)  # what the format requires
    assert citation["cff-version"] == "1.2.0"
    assert citation["title"] == PROJECT["name"]
    assert citation["version"] == PROJECT["version"] == gossim.__version__
    assert citation["license"] == PROJECT["license"]
    assert citation["authors"] == PROJECT["authors"]
    assert citation["keywords"] == PROJECT["keywords"]
    for reference in citation["references"]:
        assert {"type", "title", "authors"} <= set(reference)
        (identifier,) = reference["identifiers"]
        assert reference["url"] == f"https://arxiv.org/abs/{identifier['value'].removeprefix('arXiv:')}"
        assert identifier["value"] in text("README.md")
    assert len(citation["references"]) == 2


def test_the_lock_file_names_every_dependency_in_a_version_that_is_allowed() -> None:
    pins = re.findall(r"^([\w.-]+)==(.+)$", text("requirements.lock"), re.MULTILINE)
    locked = {name.lower().replace("_", "-"): version for name, version in pins}
    for written in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]:
        needed = Requirement(written)
        assert needed.specifier.contains(locked[needed.name.lower().replace("_", "-")]), written


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "Makefile", ".ci/run", "mkdocs.yml"])
def test_every_make_target_that_is_named_exists(page: str) -> None:
    makefile = text("Makefile")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert set(phony.split()) == targets
    named = set(re.findall(r"(?:^(?:    |# )?|`)make ([a-z][a-z-]*)", text(page), re.MULTILINE))
    assert named <= targets
    wanted = {
        "README.md": {"run", "test", "lint", "test-all", "docs", "benchmark"},
        "CONTRIBUTING.md": {"run", "test", "lint", "test-all", "docs", "benchmark"},
        ".ci/run": {"test", "test-all"},
    }
    assert wanted.get(page, set()) <= named


def test_hooks_fetch_nothing() -> None:
    for repository in yaml12.read(text(".pre-commit-config.yaml"))["repos"]:
        assert repository["repo"] == "local"
        for hook in repository["hooks"]:
            assert hook["language"] == "system"
            assert hook["entry"].startswith(".venv/bin/")


def test_the_changelog_keeps_its_form() -> None:
    versions = re.findall(r"^## (.*)$", text("CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    for version in versions[1:]:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", version)
    kinds = re.findall(r"^### (.*)$", text("CHANGELOG.md"), re.MULTILINE)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


PUBLIC = ("gossim", "gossim.schema", "gossim.testing", "gossim.theory", "gossim.profiling")


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_documented(module: str) -> None:
    names = importlib.import_module(module).__all__
    assert list(names) == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    page = text("docs/stable.md")
    assert re.findall(r"^\| `(gossim[\w.]*)` \|", page, re.MULTILINE) == list(PUBLIC)
    (row,) = re.findall(rf"^\| `{module}` \| (.*) \|$", page, re.MULTILINE)
    for name in names:
        thing = getattr(importlib.import_module(module), name)
        assert inspect.getdoc(thing) or not callable(thing), f"{module}.{name} has no docstring"
        # The page of closed forms is made from the package: it has them all.
        assert f"`{name}`" in row or module == "gossim.theory", f"{module}.{name} is not on the page"
    if module != "gossim.theory":
        assert set(re.findall(r"`(\w+)`", row)) == set(names)


def test_the_layers_in_the_docs_are_those_of_the_contract() -> None:
    page = text("docs/architecture.md")
    written = re.findall(r"^    (?:→ )?([\w, ]+)$", page.partition("## Layers")[2].partition("## ")[0], re.MULTILINE)
    assert [set(line.split(", ")) for line in written] == LAYERS[::-1]
    rows = re.findall(r"^\| `(\w+)(?:/|\.py)` \|", page.partition("## One line a folder")[2], re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == set().union(*LAYERS) - {"__main__"}


def test_the_files_that_answer_common_questions_have_what_is_said_to_be_there() -> None:
    rows = re.findall(r"^\| (Where .+\?) \| `(.+)` \| (.+) \|$", text("docs/architecture.md"), re.MULTILINE)
    assert len(rows) == 7
    for question, file, there in rows:
        files = [file, *re.findall(r"`(gossim/[\w/]+\.py)`", there)]
        code = "\n".join(text(each) for each in files)
        for name in re.findall(r"`(\w+(?:\.\w+)?)`", there):
            for part in name.split("."):
                assert re.search(rf"^ *(?:class|def) {part}\b", code, re.MULTILINE), f"{question} {name}"


@pytest.mark.parametrize(
    ("package", "where"), [("torch", {"problems", "execute", "runner", "measure"}), ("simpy", {"sim"})]
)
def test_every_layer_but_its_own_may_not_import(package: str, where: set[str]) -> None:
    everywhere = set().union(*LAYERS) - {"__main__"}
    forbidden = {module.removeprefix("gossim.") for module in CONTRACTS[package]["source_modules"]}
    assert CONTRACTS[package]["forbidden_modules"] == [package]
    assert forbidden == everywhere - where
