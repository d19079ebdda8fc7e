"""Hands files over to a page as a browser does: dropped or pasted."""

import base64
from pathlib import Path

from playwright.sync_api import Page

_HAND_OVER = """([kind, name, data]) => {
  const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: "image/png" }));
  const options = { bubbles: true, cancelable: true };
  const pasted = { ...options, clipboardData: transfer };
  if (kind === "paste") document.body.dispatchEvent(new ClipboardEvent("paste", pasted));
  else for (const type of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(type, { ...options, dataTransfer: transfer }));
  }
}"""


def hand_over(page: Page, kind: str, name: str, data: bytes) -> None:
    """Drop or paste one file that calls itself a PNG."""
    page.evaluate(_HAND_OVER, [kind, name, base64.b64encode(data).decode()])


def drop(page: Page, path: Path) -> None:
    """Drop a file or a folder of this machine on the middle of the page."""
    assert page.viewport_size is not None
    place = {"x": page.viewport_size["width"] / 2, "y": page.viewport_size["height"] / 2}
    dragged = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, **place, "data": dragged})
    devtools.detach()
