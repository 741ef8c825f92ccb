"""The report in a real Chromium: nothing is wrong, nothing leaves the page, and the slider moves the picture."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from support.browser import CHROMIUM
from support.reports import EVIL, small_run

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]

CRASH = {"name": "crash", "workers": [0], "at_s": 0.7, "back_after_s": 0.5, "parameters": "kept"}

MOVED = """() => JSON.stringify([...document.querySelectorAll("#arms .worker")].map(worker => {
  const disc = worker.querySelector(".disc"), ring = worker.querySelector(".ring")
  return [worker.getAttribute("class"), disc.getAttribute("r"), disc.style.fill, ring.style.cssText]
}))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    small_run(faults=[CRASH]).report(path)
    return path


class Opened:
    """A page in a window of its own, with what it asked for and what was wrong."""

    def __init__(self, browser: Browser, path: Path, width: int = 1280, scheme: Any = "light"):
        self.context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
        self.page: Page = self.context.new_page()
        self.wrong: list[str] = []
        self.requests: list[str] = []
        self.page.on(
            "console", lambda said: self.wrong.append(said.text) if said.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self.wrong.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector(".plot .main-svg")


@pytest.fixture
def opened(browser: Browser, report: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    opened = Opened(browser, report, **getattr(request, "param", {}))
    yield opened
    opened.context.close()


def wait_until(page: Page, expression: str) -> None:
    """Playwright's own way to wait needs `eval`, which the page forbids."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(expression)


def move_to(page: Page, time_s: float) -> None:
    page.evaluate(
        "time => { const s = document.getElementById('time'); s.value = time; s.dispatchEvent(new Event('input')) }",
        time_s,
    )


def test_nothing_is_wrong_nothing_is_fetched_and_names_are_texts(opened: Opened, report: Path) -> None:
    page = opened.page
    assert page.locator(".arm h3").all_inner_texts() == ["push", EVIL, "alone"]
    assert EVIL in page.locator("h1").inner_text()
    for button in page.locator("#lines button").all():  # hidden and shown again
        button.click()
        button.click()
    assert opened.requests == [report.as_uri()]
    assert not opened.wrong


def test_hovering_shows_the_name_as_it_is(opened: Opened) -> None:
    page = opened.page
    page.locator("#test_loss_by_time").scroll_into_view_if_needed()
    box = page.locator("#test_loss_by_time .nsewdrag").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector("#test_loss_by_time .hoverlayer text")
    assert "<script>" in (page.locator("#test_loss_by_time .hoverlayer").text_content() or "")


def test_the_slider_moves_picture_cursor_and_clock(opened: Opened) -> None:
    page = opened.page
    seen, places = [], []
    for time_s in (0.0, 0.43, 0.9, 1.6):
        move_to(page, time_s)
        seen.append(page.evaluate(MOVED))
        places.append(page.evaluate("document.querySelector('.now').getBoundingClientRect().x"))
        assert page.locator("#clock").inner_text().startswith(f"{time_s:.2f}"[:3])
    assert len(set(seen)) == len(seen)
    steps = [after - before for before, after in itertools.pairwise(places)]
    assert [step / sum(steps) for step in steps] == pytest.approx([0.43 / 1.6, 0.47 / 1.6, 0.7 / 1.6], abs=0.02)
    move_to(page, 0.43)
    assert page.evaluate(MOVED) == seen[1]  # a function of the time alone
    move_to(page, 0.9)
    assert page.locator("#arms .worker.down").count() == 3  # worker 0 of every arm


def test_keys_and_buttons_play_and_pause(opened: Opened) -> None:
    page = opened.page
    page.keyboard.press("Space")
    assert page.locator("#play").inner_text() == "Pause"
    wait_until(page, "Number(document.getElementById('time').value) > 0.01")
    page.keyboard.press("Space")
    assert page.locator("#play").inner_text() == "Play"
    stopped = page.locator("#time").input_value()
    page.wait_for_timeout(200)
    assert page.locator("#time").input_value() == stopped
    page.focus("#time")
    page.keyboard.press("ArrowRight")
    assert float(page.locator("#time").input_value()) > float(stopped)
    page.select_option("#speed", index=8)
    page.click("#play")
    wait_until(page, "document.getElementById('play').textContent === 'Play'")  # at the end it stops
    assert page.locator("#time").input_value() == page.locator("#time").get_attribute("max")


LOOKS = [
    {"width": 1280, "scheme": "light"},
    {"width": 1280, "scheme": "dark"},
    {"width": 390, "scheme": "light"},
    {"width": 390, "scheme": "dark"},
]


@pytest.mark.parametrize("opened", LOOKS, indirect=True, ids=lambda look: f"{look['width']}-{look['scheme']}")
def test_axe_finds_no_serious_fault_and_nothing_scrolls_sideways(opened: Opened) -> None:
    page = opened.page
    move_to(page, 0.9)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = Axe().run(page).response["violations"]
    serious = [
        (fault["id"], fault["nodes"][0]["html"][:200]) for fault in found if fault["impact"] in ("serious", "critical")
    ]
    assert not serious
    assert not opened.wrong


def test_colours_follow_the_scheme(opened: Opened) -> None:
    page = opened.page
    tick = "getComputedStyle(document.querySelector('.xtick text')).fill"
    light = page.evaluate(tick)
    page.emulate_media(color_scheme="dark")
    wait_until(page, f"{tick} !== '{light}'")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 22, 26)"
