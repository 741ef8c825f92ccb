"""The site that `make docs` builds: without warnings, complete, its links right, and nothing fetched from elsewhere."""

from __future__ import annotations

import os
import re
import runpy
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

import gossim
from gossim import theory
from gossim.algorithms import ALGORITHMS
from gossim.algorithms._compression import COMPRESSIONS
from gossim.cluster.collectives import COLLECTIVES
from gossim.cluster.durations import LAWS
from gossim.cluster.faults import FAULTS
from gossim.cluster.message_loss import LOSSES
from gossim.cluster.stragglers import STRAGGLERS
from gossim.cluster.topology import TOPOLOGIES
from gossim.cluster.topology.mixing import MIXING
from gossim.optimizers import OPTIMIZERS, SCHEDULES
from gossim.problems import DATA, MODELS
from gossim.problems.partition import PARTITIONS
from gossim.schema.describe import parameters
from gossim.sim.network import SHARING
from support.browser import CHROMIUM, measured
from support.commands import ROOT
from support.processes import ran

REGISTRIES: dict[str, list[Mapping[str, Any]]] = {
    "algorithms.html": [ALGORITHMS, COMPRESSIONS],
    "api/times.html": [LAWS, STRAGGLERS, FAULTS],
    "api/network.html": [LOSSES, SHARING, COLLECTIVES],
    "api/topologies.html": [TOPOLOGIES, MIXING],
    "api/problems.html": [MODELS, DATA, PARTITIONS],
    "api/optimizers.html": [OPTIMIZERS, SCHEDULES],
}

slow = pytest.mark.slow  # what builds the site


@dataclass
class Page(HTMLParser):
    """What a page is made of: its `ids`, and what it refers to, as (tag, attribute, address)."""

    ids: set[str] = field(default_factory=set)
    references: list[tuple[str, str, str]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                assert value not in self.ids, f"two elements have the id {value}"
                self.ids.add(value)
            if name in ("href", "src", "srcset", "action", "poster", "data"):
                self.references.append((tag, name, value or ""))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    done = ran(command, env=environment)
    assert done.returncode == 0, done.stderr
    said = (done.stdout + done.stderr).splitlines()  # with --quiet, warnings would not count
    assert all(line.startswith("INFO ") for line in said), said
    return out


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    """Every page by its path in the site."""
    found = {}
    for path in sorted(site.rglob("*.html")):
        page = found[path.relative_to(site).as_posix()] = Page()
        page.feed(path.read_text(encoding="utf-8"))
    return found


def is_elsewhere(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.scheme or parts.netloc)


@slow
def test_every_link_leads_to_something_that_is_there(site: Path, pages: dict[str, Page]) -> None:
    checked = 0
    for name, page in pages.items():
        for tag, _, address in page.references:
            if is_elsewhere(address):
                continue
            parts = urlsplit(address)
            # The page for what was not found is shown under any address, and names others from the top.
            start = site if parts.path.startswith("/") and name == "404.html" else (site / name).parent
            assert start == site or not parts.path.startswith("/"), f"{name}: {address} is not relative"
            target = (start / unquote(parts.path).lstrip("/")).resolve() if parts.path else site / name
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{name}: <{tag}> refers to {address}"
            if parts.fragment:
                there = pages[target.relative_to(site.resolve()).as_posix()].ids
                assert unquote(parts.fragment) in there, f"{name}: {address} has no such place"
            checked += 1
    assert checked > 1000


@slow
def test_nothing_is_fetched_from_elsewhere(site: Path, pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        fetched = [each for each in page.references if each[0] != "a" and is_elsewhere(each[2])]
        assert not fetched, f"{name}: {fetched}"
        # Material for MkDocs would fetch what draws diagrams and formulas where a page has them.
        assert 'class="mermaid"' not in (site / name).read_text(encoding="utf-8")
    for style in site.rglob("*.css"):
        outside = re.findall(r"(?:url\(\s*['\"]?|@import\s+['\"])\s*(?:https?:)?//[^)'\"]*", style.read_text("utf-8"))
        assert not outside, f"{style.name}: {outside}"


@slow
def test_links_to_elsewhere_are_well_formed(pages: dict[str, Page]) -> None:
    addresses = {address for page in pages.values() for _, _, address in page.references if is_elsewhere(address)}
    for address in addresses:
        parts = urlsplit(address)
        assert parts.scheme == "https", address
        assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", parts.netloc), address
        if parts.netloc == "arxiv.org":
            assert re.fullmatch(r"/abs/\d{2}(0[1-9]|1[0-2])\.\d{4,5}", parts.path), address
        if parts.netloc == "doi.org":
            assert re.fullmatch(r"/10\.\d{4,9}/[\w./()-]*\w", parts.path), address
    assert {"https://arxiv.org/abs/1611.09726", "https://doi.org/10.1214/aoms/1177729586"} <= addresses


@slow
def test_all_sources_that_the_code_names_are_links(pages: dict[str, Page]) -> None:
    """What has the form of an arXiv number or of a doi is one, on every page that shows it."""
    for name, page in pages.items():
        linked = {address for tag, _, address in page.references if tag == "a"}
        for number in re.findall(r"arXiv:(\d{4}\.\d{4,5})", page.text):
            assert f"https://arxiv.org/abs/{number}" in linked, (name, number)
        for number in re.findall(r"doi:(10\.\d{4,9}/[\w./()-]*\w)", page.text):
            assert f"https://doi.org/{number}" in linked, (name, number)


@pytest.mark.parametrize("name", REGISTRIES)
@slow
def test_everything_that_is_registered_is_on_its_page_with_its_parameters(name: str, pages: dict[str, Page]) -> None:
    for registry in REGISTRIES[name]:
        for member in registry.values():
            assert f"{member.__module__}.{member.__qualname__}" in pages[name].ids
            for line in parameters(member) if hasattr(member, "model_fields") else []:
                assert line in pages[name].text


@slow
def test_every_public_name_is_explained(pages: dict[str, Page]) -> None:
    explained = set().union(*(page.ids for page in pages.values()))
    for name in gossim.__all__:
        thing = getattr(gossim, name)
        assert {f"gossim.{name}", f"{thing.__module__}.{name}"} & explained, name
    for name in theory.__all__:
        assert f"{getattr(theory, name).__module__}.{name}" in pages["api/theory.html"].ids, name


@slow
def test_every_verb_of_the_guide_is_in_the_reference(pages: dict[str, Page]) -> None:
    guide = (ROOT / "docs" / "write_your_own_algorithm.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \|", guide, re.MULTILINE)
    verbs = {verb for row in rows for verb in re.findall(r"w\.(\w+)\(", row)}
    explained = {place.rpartition(".")[2] for place in pages["api/worker.html"].ids}
    assert len(verbs) > 20
    assert verbs <= explained


@slow
def test_mathematics_in_docstrings_is_not_taken_for_markdown(site: Path) -> None:
    """An asterisk or an underscore in an equation would make the rest of it slanted."""
    for path in [site / "algorithms.html", *(site / "api").glob("*.html")]:
        assert not re.findall(r"<em>.{0,40}", path.read_text(encoding="utf-8")), path.name


@slow
def test_names_that_python_hides_are_not_in_the_reference(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        # Files beside algorithms, models and data sets have hidden names if they are none; what they hold has not.
        places = [re.sub(r"\._(compression|factory)\.", ".", place) for place in page.ids]
        hidden = [place for place in places if re.match(r"gossim\.(.*\.)?_", place)]
        assert not hidden, f"{name}: {hidden}"


@slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_no_page_scrolls_sideways_and_nothing_is_cut(site: Path, pages: dict[str, Page], tmp_path: Path) -> None:
    """At 1280 pixels code and tables are seen whole; at 390 they scroll in their own boxes, and the page does not."""
    names = [name for name in pages if name != "404.html"]
    found = measured(site, names, (1280, 390), tmp_path)
    assert len(found) == 2 * len(names)
    for each in found:
        where = f"{each['page']} at {each['width']}"
        assert each["shown"] > 500, where
        assert each["scrolls"] <= 0, where
        assert not each["outside"], where
        if each["width"] == 1280:
            assert not each["code"], where
            assert not each["tables"], where


SECTIONS = runpy.run_path(str(ROOT / "docs" / "hooks" / "sections.py"))


def test_every_page_is_in_the_navigation_and_linked_from_the_start() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:")[2]
    start = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for path in (ROOT / "docs").glob("*.md"):
        assert f": {path.name}\n" in navigation
        assert path.name in ("index.md", "changes.md") or f"]({path.name})" in start
    for path in (ROOT / "docs" / "notebooks").glob("*.md"):
        assert f": notebooks/{path.name}\n" in navigation


def test_a_file_that_is_not_there_stops_the_build() -> None:
    with pytest.raises(FileNotFoundError):
        SECTIONS["on_page_markdown"]("# A page\n\n<!-- from CHANGES.md -->\n")


def test_links_out_of_the_pages_become_names() -> None:
    moved = SECTIONS["moved"]
    assert moved("[speed](docs/performance.md)") == "[speed](performance.md)"
    assert moved("![loss](docs/figures/loss.png)") == "![loss](figures/loss.png)"
    assert moved("[one](scenarios/straggler.yaml)") == "one (`scenarios/straggler.yaml`)"
    assert moved("[`analysis/1_a.ipynb`](analysis/1_a.ipynb): it") == "`analysis/1_a.ipynb`: it"
    assert moved("[Perfetto](https://ui.perfetto.dev)") == "[Perfetto](https://ui.perfetto.dev)"
