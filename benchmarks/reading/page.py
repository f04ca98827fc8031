"""Write the tables of docs/reference/languages.md: what is known of each language, and how well its answers are read.

The answers are read once, when the rules are done, by `score.py held_out --json`, and the result is kept beside them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from passerelle.languages.knowledge import PARTS
from passerelle.languages.overview import overviews

sys.path.insert(0, str(Path(__file__).parent))
from score import table

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "held_out.json"
PAGE = FOLDER.parents[1] / "docs" / "reference" / "languages.md"


def known() -> str:
    """Make the table of what is known."""
    head = ["language", "", *(f"`{part}`" for part in PARTS)]
    lines = [f"| {' | '.join(head)} |", f"|---|---|{':-:|' * len(PARTS)}"]
    for each in overviews():
        marks = ["✓" if part in each.known else "" for part in PARTS]
        lines.append(f"| {each.name} | `{each.code}` | {' | '.join(marks)} |")
    return "\n".join(lines)


def read() -> str:
    """Make the table of how well answers of the half kept apart are read."""
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    return f"Version {found['version']} of the rules:\n\n{table(found['languages'])}"


def written(text: str) -> str:
    """Return a page with its tables made anew."""
    for name, content in (("known", known()), ("read", read())):
        begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not (found and ended):
            raise SystemExit(f"{PAGE} has no place {begin.strip()} … {end}")
        text = f"{before}{begin}{content}\n{end}{after}"
    return text


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
