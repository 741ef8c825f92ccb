"""Pages measured as a real browser lays them out: headless Chromium, each page in a frame of a given width."""

from __future__ import annotations

import functools
import http.server
import json
import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

HARNESS = """<!doctype html><body><script>
const load = (page, width) => new Promise(done => {
  const frame = document.createElement("iframe")
  frame.style.cssText = `width:${width}px;height:900px;border:0`
  frame.onload = () => {
    const inside = frame.contentDocument, root = inside.documentElement
    const wide = selector => [...inside.querySelectorAll(selector)]
      .filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.textContent.trim().slice(0, 80))
    const outside = [...inside.querySelectorAll(".md-content :is(p, li, h1, h2, h3, h4, img, pre, table)")]
      .filter(box => !box.closest(".md-typeset__scrollwrap, pre") && box.getBoundingClientRect().right > width + 1)
      .map(box => (box.textContent || box.src || "").trim().slice(0, 80))
    done({page, width, scrolls: root.scrollWidth - width, code: wide(".md-content pre > code"),
          tables: wide(".md-content .md-typeset__scrollwrap"), outside, shown: inside.body.innerText.length})
    frame.remove()
  }
  frame.src = page
  document.body.append(frame)
})
const measure = async () => {
  const found = []
  for (const width of WIDTHS) for (const page of PAGES) found.push(await load(page, width))
  await fetch("/measured", {method: "POST", body: JSON.stringify(found)})
}
measure()
</script>"""


class _Server(http.server.ThreadingHTTPServer):
    def __init__(self, site: Path) -> None:
        super().__init__(("127.0.0.1", 0), functools.partial(_Handler, directory=str(site)))
        self.answer: queue.Queue[bytes] = queue.Queue()


class _Handler(http.server.SimpleHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        self.server.answer.put(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def measured(site: Path, pages: Sequence[str], widths: Sequence[int], scratch: Path) -> list[dict[str, Any]]:
    """Lay out every page at every width.

    Returns:
        For each: `scrolls`, pixels by which the page is wider than its frame; the code blocks and tables that scroll
        in their own box; what stands `outside` of the frame; and `shown`, the number of characters of its text.
    """
    assert CHROMIUM
    harness = site / "measure.html"
    harness.write_text(HARNESS.replace("WIDTHS", json.dumps(list(widths))).replace("PAGES", json.dumps(list(pages))))
    with _Server(site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={scratch}"]
        command += ["--window-size=1400,1000", f"http://127.0.0.1:{server.server_address[1]}/{harness.name}"]
        browser = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            result: list[dict[str, Any]] = json.loads(server.answer.get(timeout=120))
        finally:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()
            server.shutdown()
            harness.unlink()
    return result
