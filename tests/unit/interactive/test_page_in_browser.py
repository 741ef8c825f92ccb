"""`gossim lab` in a real Chromium: sliders move pictures, errors are sentences, and nothing leaves the machine."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.browser import CHROMIUM
from support.commands import GOSSIM
from support.processes import started
from support.reports import EVIL
from support.scenarios import BASE

pytest.importorskip("panel", reason="the extra lab is not installed")
sync_api = pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")]

SLOW = {"time_s": {"distribution": "lognorm", "s": 0.4, "scale": 0.1}, "stragglers": [{"workers": [3], "factor": 5}]}
ARMS = {
    EVIL: {"algorithm": {"name": "gosgd_push", "push_probability": 0.5}},
    "ring": {"algorithm": {"name": "allreduce", "collective": "ring"}},
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page. At the end Ctrl-C ends its process."""
    from gossim.files import yaml12

    path: Path = tmp_path_factory.mktemp("lab") / "small.yaml"
    scenario = {**BASE, "title": f"Two & {EVIL}", "until": {"time_s": 3.0}, "compute": SLOW, "arms": ARMS}
    path.write_text(yaml12.write(scenario), encoding="utf-8")
    with started([*GOSSIM, "lab", path, "--no-open", "--port", "0"]) as process:
        assert process.stdout
        found = re.match(r"(http://127\.0\.0\.1:\d+/) ", process.stdout.readline())
        assert found
        yield found[1]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "Traceback" not in errors


class Opened:
    """The page, with what it asked for and what was wrong."""

    def __init__(self, browser: Any, url: str, width: int):
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self.page.on(
            "console", lambda said: self.wrong.append(said.text) if said.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self.wrong.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", lambda socket: self.asked.append(socket.url))
        self.page.goto(url)
        self.page.locator(".js-plotly-plot").nth(3).wait_for()

    def picture(self, place: int) -> str:
        """The lines and bars of a figure, as they are drawn."""
        paths = self.page.locator(".js-plotly-plot").nth(place).locator(".scatterlayer path, .barlayer path")
        drawn: str = paths.evaluate_all("paths => paths.map(path => path.getAttribute('d')).join()")
        return drawn

    def move(self, slider: int, key: str, times: int = 1) -> None:
        handle = self.page.locator(".noUi-handle").nth(slider)
        handle.focus()
        for _ in range(times):
            self.page.keyboard.press(key)

    def wait_for_change(self, place: int, before: str) -> float:
        """Wait until a figure is another, and return the seconds that took."""
        begun_s = time.perf_counter()
        while time.perf_counter() - begun_s < 20:
            if self.page.locator(".js-plotly-plot").count() == 4 and self.picture(place) not in ("", before):
                return time.perf_counter() - begun_s
            self.page.wait_for_timeout(50)
        raise AssertionError(f"the picture stays {self.picture(place)[:200]!r}")


@pytest.fixture(params=[1280, 390])
def opened(served: str, request: pytest.FixtureRequest) -> Iterator[Opened]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield Opened(browser, served, request.param)
        browser.close()


def test_sliders_move_the_pictures_and_nothing_leaves_the_machine(opened: Opened, served: str) -> None:
    page = opened.page
    opened.wait_for_change(0, "")
    opened.wait_for_change(3, "")
    loss, bars = opened.picture(0), opened.picture(3)
    opened.move(0, "ArrowRight")  # the slow factor
    opened.wait_for_change(3, bars)
    assert opened.picture(0) != loss
    loss = opened.picture(0)
    opened.move(5, "ArrowLeft")  # the learning rate
    opened.wait_for_change(0, loss)
    host = served.removeprefix("http://")
    assert all(url.startswith((served, f"ws://{host}", "data:", "blob:")) for url in opened.asked)
    assert EVIL in page.locator("h1").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert not opened.wrong


def test_values_that_do_not_fit_are_said_in_a_sentence(opened: Opened) -> None:
    opened.move(2, "Home")  # two workers, and worker 3 is slow
    said = opened.page.get_by_text("must be below 2: workers are numbered 0 to 1")
    said.wait_for()
    assert "Traceback" not in opened.page.locator("body").inner_text()
    opened.move(2, "End")
    said.wait_for(state="detached")
    opened.page.locator(".js-plotly-plot").nth(3).wait_for()
    for box in opened.page.get_by_role("checkbox").all():
        box.uncheck()
    opened.page.get_by_text("arms: choose at least one").wait_for()
    assert not opened.wrong
