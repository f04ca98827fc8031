"""What axe-core finds on a page that a browser has open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

AXE = Path(__file__).with_name("axe.min.js")


def findings(page: Any) -> list[tuple[str, str, list[str]]]:
    """Return what axe-core finds but for minor things: the rule, how bad it is, and the first elements."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        (v["id"], v["impact"], [node["html"][:160] for node in v["nodes"][:3]])
        for v in found["violations"]
        if v["impact"] in ("serious", "critical", "moderate")
    ]
