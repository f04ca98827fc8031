"""Items whose translation is suspect, named in a file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from passerelle.errors import InputError
from passerelle.evaluation.rows import BrokenRow, Row, read_rows
from passerelle.formats.values.rows import kind_of, read_values

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
    found: dict[str, set[str]] = {}
    rows = 0
    for number, row in enumerate(_rows(path), 1):
        if isinstance(row, BrokenRow):
            raise InputError(f"{str(path)!r}: {row}.")
        key = next((row[k] for k in ("id", "question_id", "index", "_key") if row.get(k) not in (None, "")), "")
        benchmark = row.get("benchmark") or ""
        for what in (key, benchmark):
            if not isinstance(what, str | int | float):
                raise InputError(f"{str(path)!r}, row {number}: an id or a benchmark is a {type(what).__name__}.")
        rows += bool(key)
        if key and not _is_clean(row, f"{str(path)!r}, row {number}"):
            found.setdefault(str(benchmark), set()).add(str(key))
    if not rows:
        raise InputError(f"{str(path)!r} names no items: each row needs an id.")
    return found


def _rows(path: Path) -> Iterator[Row | BrokenRow]:
    """Read rows; what is a list of ids becomes rows of them."""
    if path.suffix == ".txt":
        try:
            ids: Any = path.read_text(encoding="utf-8-sig").split()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"can't read {str(path)!r}: {error}.") from None
    else:
        ids = _list_of_ids(path)
    return read_rows([str(path)]) if ids is None else iter([{"id": each} for each in ids])


def _list_of_ids(path: Path) -> list[str | int] | None:
    """Return the ids of a JSON list that holds nothing else; ``None`` for any other file."""
    try:
        is_list = path.is_file() and kind_of(path) == "array"
        ids = [value for _, value in read_values(path)] if is_list else []
    except InputError:  # `read_rows` says what is wrong
        return None
    return ids if ids and all(isinstance(each, str | int) for each in ids) else None


def _is_clean(row: Row, where: str) -> bool:
    """Say whether a row says that its item isn't suspect."""
    probability = row.get("probability")
    if probability in (None, ""):
        return row.get("verdict") == "keep"
    try:
        value = float(probability)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not 0 <= value <= 1:
        said = repr(probability) if isinstance(probability, str | float | int) else f"a {type(probability).__name__}"
        raise InputError(f"{where}: 'probability' is {said[:60]}; write a number from 0 to 1.")
    return value >= SUSPECT_BELOW
