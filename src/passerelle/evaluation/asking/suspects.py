"""Items whose translation is suspect, named in a file."""

from __future__ import annotations

from pathlib import Path

from passerelle.errors import InputError
from passerelle.evaluation.rows import BrokenRow, read_rows

SUSPECT_BELOW = 0.5
"""Probability that a native reader would accept an item's worst text, below which the item is suspect."""


def read_suspects(path: Path) -> dict[str, set[str]]:
    """Read ids of suspect items by benchmark; those of all are under an empty name.

    A file is a list of ids, or rows with ``id`` (or ``question_id``, ``index``), and ``benchmark`` where there are
    several. Rows with a ``probability`` are suspect below one half, and rows with a ``verdict`` unless it is
    ``keep``: what ``passerelle gate`` writes fits.

    Raises:
        InputError: The file can't be read, or names no id.
    """
    if path.suffix == ".txt":
        lines = path.read_text(encoding="utf-8").split() if path.is_file() else []
        if not lines:
            raise InputError(f"{str(path)!r} names no suspect item: give a file with an id in each line.")
        return {"": set(lines)}
    found: dict[str, set[str]] = {}
    rows = 0
    for row in read_rows([str(path)]):
        if isinstance(row, BrokenRow):
            raise InputError(f"{str(path)!r}: {row}.")
        key = next((str(row[k]) for k in ("id", "question_id", "index", "_key") if row.get(k) not in (None, "")), "")
        rows += bool(key)
        probability, verdict = row.get("probability"), row.get("verdict")
        clean = float(probability) >= SUSPECT_BELOW if probability not in (None, "") else verdict == "keep"
        if key and not clean:
            found.setdefault(str(row.get("benchmark", "")), set()).add(key)
    if not rows:
        raise InputError(f"{str(path)!r} names no items: each row needs an id.")
    return found
