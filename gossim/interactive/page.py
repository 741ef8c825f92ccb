"""The page: sliders on the left, figures on the right, by Panel, in a terminal's browser or in a notebook."""

from __future__ import annotations

import html
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..scenario.scenario import Scenario, load
from .outcome import Redrawn, first_arms, measured_budget_s, outcome
from .sliders import Slider, sliders

if TYPE_CHECKING:
    import panel

HOST = "127.0.0.1"

NARROW = 300
"""Pixels: the width of the sliders."""

BESIDE = {"flex": f"0 0 {NARROW}px"}
REST = {"flex": f"1 1 {2 * NARROW}px", "min-width": "0", "max-width": "1200px"}
EACH = {"flex": "1 1 440px", "min-width": "min(300px, 100%)", "max-width": "620px"}
"""How the sliders, the figures together and each figure share the width: beside one another where there is room."""


def library() -> Any:
    """Import Panel with plotly. Raises InputError where it is not installed."""
    try:
        import panel
    except ImportError:
        raise InputError("gossim lab needs the package panel: pip install 'gossim[lab]'") from None
    panel.extension("plotly")
    return panel


def lab(scenario: Scenario | str | Path) -> panel.viewable.Viewable:
    """Return the sliders and figures of a scenario, as an object that a notebook shows.

    Raises:
        InputError: Where the extra `lab` is not installed.
        ScenarioError: Where the scenario is invalid.
    """
    library()
    settings = scenario.trusted() if isinstance(scenario, Scenario) else load(scenario)
    return view(settings, measured_budget_s(settings))


def serve(scenario: Scenario, port: int, opened: bool) -> None:
    """Serve the page on this machine alone until Ctrl-C.

    Args:
        scenario: What it shows.
        port: The port; 0 for any that is free.
        opened: Whether to open it in a browser.

    Raises:
        InputError: Where the extra `lab` is not installed, or the port is taken.
    """
    panel = library()
    budget_s = measured_budget_s(scenario)
    interrupted = signal.getsignal(signal.SIGINT)
    try:
        server = panel.io.server.get_server(
            lambda: view(scenario, budget_s), port=port, address=HOST, title="gossim lab", start=False, show=False
        )
    except OSError as error:
        raise InputError(f"--port {port}: cannot be used: {error.strerror or error}") from None
    signal.signal(signal.SIGINT, interrupted)  # the library's own would end this as if all were done
    url = f"http://{HOST}:{server.port}/"
    print(f"{url} (Ctrl-C ends it)", flush=True)
    server.start()
    if opened:
        server.io_loop.add_callback(server.show, "/")
    try:
        server.io_loop.start()
    finally:
        server.stop()
    raise KeyboardInterrupt  # nothing else ends the loop, even where the library has caught the signal


def view(scenario: Scenario, budget_s: float) -> panel.viewable.Viewable:
    """Return widgets and figures that follow them. Each viewer has their own."""
    panel = library()
    moving = {slider.key: _widget(panel, slider) for slider in sliders(scenario)}
    arms = panel.widgets.CheckBoxGroup(
        name="arms", options={name: name for name in scenario.arms}, value=first_arms(scenario)
    )
    shown = panel.FlexBox(styles=REST)

    def redraw(*_: Any) -> None:
        values = {key: float(widget.value) for key, widget in moving.items()}
        shown.objects = _drawn(panel, outcome(scenario, values, arms.value, budget_s))

    for widget in moving.values():
        widget.param.watch(redraw, "value_throttled")
    arms.param.watch(redraw, "value")
    redraw()
    heading = panel.pane.HTML(f"<h1 style='font-size:1.3em'>{html.escape(scenario.title or 'gossim lab')}</h1>")
    chosen = panel.Column("**arms**", arms, *moving.values(), styles=BESIDE)
    return panel.Column(heading, panel.FlexBox(chosen, shown), sizing_mode="stretch_width")


def _widget(panel: Any, slider: Slider) -> Any:
    options = {f"{value:g}": value for value in slider.values}
    return panel.widgets.DiscreteSlider(name=slider.label, options=options, value=slider.start, width=NARROW - 20)


def _drawn(panel: Any, found: Redrawn) -> list[Any]:
    """Return the note, what went wrong, and the figures as panes."""
    panes = []
    if found.error:
        said = html.escape(found.error).replace("\n", "<br>")
        panes.append(panel.pane.Alert(said, alert_type="danger", sizing_mode="stretch_width"))
    if found.note:
        panes.append(panel.pane.HTML(f"<p>{html.escape(found.note)}</p>", sizing_mode="stretch_width"))
    for chart in found.charts:
        note = f"<p>{html.escape(chart.note)}</p>" if chart.note else ""
        head = panel.pane.HTML(f"<h2 style='font-size:1em;margin:0'>{html.escape(chart.heading)}</h2>{note}")
        plot = panel.pane.Plotly(
            chart.figure, config={"displaylogo": False, "responsive": True}, sizing_mode="stretch_width"
        )
        panes.append(panel.Column(head, plot, styles=EACH))
    return panes
