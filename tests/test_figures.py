"""Where things stand on figures: whole legends, nothing covered, no two texts on one place, at any width."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from conftest import scenario
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

import gossim
from gossim.plots import FIGURES
from gossim.plots.style import style
from gossim.results import Results

SVG = "{http://www.w3.org/2000/svg}"
TABLES = ("probes", "workers", "timeline", "activities", "gaps")
COLUMN = 3.3

ODD = [
    "_hidden",
    "<script>alert(1)</script>",
    "a & b",
    "\"two\" 'one' -- &amp;",
    "😀 smile",
    "同期と非同期",
    "שלום עולם",
    "_child3",
    "a_b^c {d} %s",
    "two  spaces",
    "w" * 200,
    "many words " * 18 + "end",
]


@pytest.fixture(scope="module")
def recorded() -> Results:
    """Forty arms, of all of which every figure has something."""
    arms = {
        f"arm {n}": {"algorithm": {"name": "gosgd_push", "push_probability": (n + 1) / 41}, "workers": 2 + n % 2}
        for n in range(40)
    }
    probe = {"every_s": 0.1, "gradient_gap": True}
    target = {"target": {"test_loss": 2.5}}
    return gossim.run(scenario(arms=arms, repeats=2, until={"time_s": 0.5}, probe=probe, **target))


def renamed(results: Results, names: list[str], **changes: Any) -> Results:
    """The first of the arms, with these names."""
    arms = dict(zip(results.scenario.arms, names, strict=False))
    update = {"arms": {arms[arm]: settings for arm, settings in results.scenario.arms.items() if arm in arms}}
    tables = {}
    for name in TABLES:
        own = getattr(results, name)
        own = own[own["arm"].isin(arms)]
        tables[name] = own.assign(arm=own["arm"].map(arms).astype(own["arm"].dtype))
    runs = [entry | {"arm": arms[entry["arm"]]} for entry in results.manifest["runs"] if entry["arm"] in arms]
    changed = results.scenario.model_copy(
        update=update | {"title": "Gossip under a straggler, eight workers"} | changes
    )
    return dataclasses.replace(results, scenario=changed, manifest=results.manifest | {"runs": runs}, **tables)


def drawn(results: Results, names: list[str], width: float | None = None) -> dict[str, Figure]:
    with style(width):
        made = {name: FIGURES[name](results) for name in names}
    return {name: figure for name, figure in made.items() if figure is not None}


def legends(figure: Figure) -> list[Any]:
    return [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for legend in legends(figure) for text in legend.get_texts()]


def texts(figure: Figure) -> Iterator[tuple[Text, Bbox]]:
    """All that is to be read on a figure, and where it stands; numbers outside of their axis are not drawn."""
    ticks: set[Text] = set()
    every = [each for axes in figure.axes for each in (axes, *axes.child_axes)]
    for axis in itertools.chain.from_iterable((axes.xaxis, axes.yaxis) for axes in every):
        low, high = sorted(axis.get_view_interval())
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            if not low - 1e-9 * (high - low) <= tick.get_loc() <= high + 1e-9 * (high - low):
                ticks |= {tick.label1, tick.label2}
    for text in figure.findobj(Text):
        if text.get_text() and text.get_visible() and text not in ticks:
            yield text, text.get_window_extent()


def check(figure: Figure) -> None:
    """Everything is on the figure, nothing on anything else."""
    figure.draw_without_rendering()
    whole = Bbox.from_bounds(0, 0, *(figure.dpi * figure.get_size_inches())).padded(1)
    shown = list(texts(figure))
    for text, box in shown:
        inside = whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1
        assert inside, f"{text.get_text()!r} at {box} is not within {whole}"
    for (one, first), (other, second) in itertools.combinations(shown, 2):
        both = Bbox.intersection(first, second)
        if both is not None and min(both.width, both.height) > 1.0:  # less is the rim of a letter's box
            raise AssertionError(f"{one.get_text()!r} and {other.get_text()!r} overlap: {both}")
    for legend in legends(figure):
        box = legend.get_window_extent()
        assert whole.x0 <= box.x0
        assert box.x1 <= whole.x1
        assert whole.y0 <= box.y0
        assert box.y1 <= whole.y1
        for axes in figure.axes:
            assert not covered(box, axes)
            if legend is not axes.get_legend():
                assert not box.overlaps(axes.get_window_extent())


def covered(box: Bbox, axes: Any) -> list[Any]:
    """The curves and bands of a panel in `box`, by points along their outlines."""
    found = []
    for line in axes.get_lines():
        if len(line.get_xdata()):
            found += [line] if any(box.contains(x, y) for x, y in along(line.get_path(), line.get_transform())) else []
    for drawn_ in axes.collections:
        if not isinstance(drawn_, PathCollection):
            every = [along(path, drawn_.get_transform()) for path in drawn_.get_paths() if len(path.vertices)]
            found += [drawn_ for outline in every if any(box.contains(x, y) for x, y in outline)]
    return found


def along(path: Any, transform: Any) -> np.ndarray:
    corners = transform.transform(path.vertices)
    share = np.linspace(0, 1, 50)[:, None, None]
    return (corners[:-1] * (1 - share) + corners[1:] * share).reshape(-1, 2)


CURVES = ["loss", "loss_by_steps", "consensus_distance", "gradient_gap"]
PANELS = ["alpha", "timeline", "time_shares"]


@pytest.mark.parametrize("width", [None, COLUMN, 7.0])
@pytest.mark.parametrize(("count", "figures"), [(1, CURVES + PANELS), (8, CURVES), (3, PANELS), (40, CURVES)])
def test_nothing_is_covered_or_cut(recorded: Results, count: int, figures: list[str], width: float | None) -> None:
    names = [f"gosgd_push (factor={n})" for n in range(count)]
    for name, figure in drawn(renamed(recorded, names), figures, width).items():
        check(figure)
        if width:
            assert figure.get_figwidth() == pytest.approx(width)
        if name in CURVES:
            assert [label for label in labels(figure) if not label.startswith("target")] == names
