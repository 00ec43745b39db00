"""The system's Chromium, and a page of another host that sends files by Uppy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Playwright

from tests.kit.commands import REPOSITORY
from tests.kit.stub import Stub, running

SCRIPTS = REPOSITORY / "build" / "browser" / "node_modules"
UPPY = SCRIPTS / "uppy" / "dist" / "uppy.min.js"
AXE = SCRIPTS / "axe-core" / "axe.min.js"

_SENDS = """<!DOCTYPE html>
<html lang="en"><title>Sends</title><input type="file"><script src="uppy.js"></script><script src="sends.js"></script>
"""
_SENDS_SCRIPT = """
const asked = new URLSearchParams(location.hash.slice(1))
window.sent = 0; window.resumed = []; window.outcome = ""
const uppy = new Uppy.Uppy({autoProceed: true, debug: true})
uppy.use(Uppy.Tus, {
    endpoint: asked.get("endpoint"), chunkSize: 262144, retryDelays: Array(40).fill(250),
    headers: {Authorization: "Bearer " + asked.get("token")}, allowedMetaFields: ["name", "filename"],
    onShouldRetry: () => true,
    onAfterResponse: (request, response) => {
        if (request.getMethod() === "HEAD") window.resumed.push(Number(response.getHeader("Upload-Offset")))
    },
})
uppy.on("upload-progress", (file, progress) => { window.sent = progress.bytesUploaded })
uppy.on("upload-error", (file, error) => { window.outcome = "failed: " + error })
uppy.on("complete", (result) => { window.outcome = result.successful.length ? "done" : "failed" })
document.querySelector("input").addEventListener("change", (event) => {
    const file = event.target.files[0]
    uppy.addFile({name: file.name, type: file.type, data: file, meta: {filename: file.name}})
})
"""


class _Host(Stub):
    """The other host: a page and its scripts."""

    def answer(self) -> None:
        """Give one of the three."""
        given = {"/": _SENDS.encode(), "/sends.js": _SENDS_SCRIPT.encode()}
        content = UPPY.read_bytes() if self.path == "/uppy.js" else given.get(self.path)
        kind = "text/html" if self.path == "/" else "text/javascript"
        self.send(404 if content is None else 200, content or b"", {"Content-Type": f"{kind}; charset=utf-8"})


@contextmanager
def sending_host() -> Iterator[str]:
    """The URL of the page that sends what is put into its field: its fragment says to where, and by which token."""
    with running(_Host) as url:
        yield url


def chromium(playwright: Playwright) -> Browser:
    """Chromium as the system has it."""
    return playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])


def faults(page: Page) -> list[str]:
    """What axe finds on a page that people would stumble over, each with where it is."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['help']}: {node['target']} {node['html'][:200]}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


def photograph(page: Page, directory: Path, name: str) -> None:
    """Keep how the whole page looks."""
    directory.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=directory / f"{name}.png", full_page=True)
