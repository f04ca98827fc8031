"""Labelled pairs to fit the estimate on: a file of one's own, or Tux Paint's captions."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from passerelle.errors import ConfigError, InputError, unknown
from passerelle.evaluation.metrics.captions import chrf_from_sums, chrf_statistics
from passerelle.example import emoji, splits, tuxpaint
from passerelle.formats.base import BadRow
from passerelle.formats.values.rows import LINES, read_values
from passerelle.formats.values.spreadsheet import is_text, told
from passerelle.quality.base import Pair
from passerelle.quality.engines import Engines, bare
from passerelle.quality.estimate.calibrate import Labelled
from passerelle.quality.evidence.chrf import LOST, lost_below
from passerelle.records import Picture
from passerelle.runs import cache_folder

SIDES = ("train", "development", "test")
KINDS = ("reference", "accepted", "score")
ACCEPTED_SCORE = 50.0
"""A pair with at least this score (0..100) counts as accepted."""
_YES = dict.fromkeys(("1", "1.0", "1,0", "true", "yes", "vrai", "oui", "wahr", "verdadero", "vero", "verdadeiro"), True)
_YES |= dict.fromkeys(("0", "0.0", "0,0", "false", "no", "faux", "non", "falsch", "falso"), False)
_FORMULA = re.compile(r"\s*'*[=+\-@\t\r]")
"""What a spreadsheet runs; with apostrophes before it, what a cell may be that was neutralised."""


def read_labels(path: Path, source: str, target: str) -> Labelled:
    """Read labelled pairs from a CSV file with a header, or from JSON lines.

    Columns: ``source``, ``target`` and one of ``reference`` (a human translation: accepted if the chrF of
    the target to it isn't below `lost_below`), ``accepted`` (0 or 1) and ``score`` (0..100: accepted from 50 on).
    ``cluster`` or ``picture`` say which pairs depend on each other; without them pairs of one source do. ``chance``
    says with which chance (above 0, to 1) each was drawn.

    Args:
        path: The file, named ``.csv`` or ``.jsonl``.
        source: BCP-47 code of the sources.
        target: BCP-47 code of the targets.

    Raises:
        InputError: The file can't be read, or a row lacks something; the message names it.
    """
    rows = _rows(path)
    if not rows:
        raise InputError(f"no rows in {str(path)!r}")
    if path.suffix.lower() == ".csv":
        rows = [_as_written(row) for row in rows]
    kind = next((kind for kind in KINDS if kind in rows[0]), None)
    if kind is None:
        raise InputError(f"{str(path)!r} has no labels: give a column {', '.join(map(repr, KINDS[:-1]))} or 'score'")
    values = [_checked(row, kind, f"{path.name}, row {number}") for number, row in enumerate(rows, 1)]
    pairs = [
        Pair(
            row["source"],
            row["target"],
            source,
            target,
            cluster=str(row.get("cluster") or row.get("picture") or row["source"]),
        )
        for row in rows
    ]
    labelled = _labelled(pairs, kind, values, np.zeros(len(pairs), dtype=bool))
    if "chance" not in rows[0]:
        return labelled
    return replace(labelled, chances=np.array([_chance(row, path, number) for number, row in enumerate(rows, 1)]))


def neutral(value: Any) -> Any:
    """Return a cell that no spreadsheet runs as a formula; `read_labels` takes the apostrophe away again."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def tux_paint(engines: Engines, target: str, side: str = "train", source: str = "en") -> Labelled:
    """Label Apertium's translations of one side of the split by the human captions.

    Emoji and their CLDR names are extra pairs: another kind of text.

    Args:
        engines: Every way there gives a translation of each caption.
        target: BCP-47 code of a language that the stamps have captions in.
        side: ``train`` or ``development``; the test side is for measuring only.
        source: ``en``.

    Raises:
        ConfigError: Another side.
        InputError: No engine leads there, or there are no captions.
        MissingDependency: The pictures aren't installed.
    """
    if side not in SIDES:
        raise ConfigError(unknown("side", side, SIDES))
    drawn, sides = cache_folder() / "pictures", splits.stored()
    found = tuxpaint.read_pictures(target, drawn / "stamps") + emoji.read_pictures(target, drawn / "emoji")
    pictures = sorted((p for p in found if sides.get(p.id) == side and target in p.captions), key=lambda p: p.id)
    ways = engines.translate([picture.captions[source].text for picture in pictures], source, target)
    if not pictures or not ways:
        raise InputError(f"nothing to label in {target!r}: {len(pictures)} captions, {len(ways)} engines")
    made = [(picture, way[picture.captions[source].text]) for way in ways for picture in pictures]
    pairs = [_pair(picture, marked, source, target) for picture, marked in made]
    references = [picture.captions[target].text for picture, _ in made]
    return _labelled(pairs, "reference", references, np.array([p.source != "stamps" for p, _ in made]))


def _pair(picture: Picture, marked: str, source: str, target: str) -> Pair:
    return Pair(
        picture.captions[source].text,
        bare(marked),
        source,
        target,
        category=picture.category,
        picture=picture.path,
        cluster=picture.concept,
    )


def _labelled(pairs: list[Pair], kind: str, values: list[Any], is_extra: np.ndarray) -> Labelled:
    if kind == "reference":
        quality = chrf_from_sums(chrf_statistics([pair.target for pair in pairs], values))
        least = np.array([lost_below(pair.source) for pair in pairs])
        return Labelled(pairs, quality >= least, quality, is_extra, f"accepted: not {LOST}")
    if kind == "score":
        quality = np.array(values, dtype=np.float64)
        return Labelled(
            pairs, quality >= ACCEPTED_SCORE, quality, is_extra, f"accepted: score at least {ACCEPTED_SCORE:g}"
        )
    nothing = np.full(len(pairs), math.nan)
    return Labelled(pairs, np.array(values, dtype=bool), nothing, is_extra, "accepted: as the file says")


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        if path.suffix.lower() in LINES:
            return [_object(number, row, path) for number, row in read_values(path)]
        sheet = told(path)
        with sheet.open(path) as file:
            header, *rows = [cells for cells in sheet.reader(file) if cells] or [[]]
    except OSError as error:
        raise InputError(f"can't read the labels {str(path)!r}: {error.strerror}") from error
    except csv.Error as error:
        raise InputError(f"{str(path)!r} can't be read as CSV or JSON lines in UTF-8: {error}") from error
    if not all(is_text(cell) for row in rows for cell in row):
        raise InputError(f"{str(path)!r} can't be read as CSV: it isn't encoded in UTF-8. Save it as CSV UTF-8.")
    return [dict(zip(header, row, strict=False)) for row in rows]


def _object(number: int, row: Any, path: Path) -> dict[str, Any]:
    if isinstance(row, BadRow):
        raise InputError(f"{path.name}, line {number}: no JSON: {row.detail}")
    if not isinstance(row, dict):
        raise InputError(f"{path.name}, line {number}: an object is needed, but it is {str(row)[:60]!r}")
    return row


def _as_written(row: dict[str, Any]) -> dict[str, Any]:
    """Undo `neutral` in a row."""
    return {
        name: value[1:] if isinstance(value, str) and value[:1] == "'" and _FORMULA.match(value[1:]) else value
        for name, value in row.items()
    }


def _chance(row: Mapping[str, Any], path: Path, number: int) -> float:
    """Return the chance with which a row was drawn."""
    value = _number(row.get("chance"))
    if not 0 < value <= 1:
        raise InputError(
            f"{path.name}, row {number}: 'chance' is {row.get('chance')!r}; write what `review export --format labels` "
            "gave, a number above 0 and up to 1, or leave the column out if all pairs were drawn alike"
        )
    return value


def _number(value: Any) -> float:
    """Return a number as people write it; NaN for anything else."""
    try:
        return float(str(value).replace(",", "."))
    except ValueError:
        return math.nan


def _checked(row: Mapping[str, Any], kind: str, place: str) -> Any:
    """Return a row's label; every row needs both texts and a label."""
    for name in ("source", "target", *(("reference",) if kind == "reference" else ())):
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise InputError(f"{place}: {name!r} is missing or empty")
    value = row.get(kind)
    if kind == "reference":
        return value
    if kind == "accepted":
        known = _YES.get(str(value).strip().lower())
        if known is None:
            raise InputError(f"{place}: 'accepted' is {value!r}; write 0 or 1")
        return known
    score = _number(value)
    if not 0 <= score <= 100:
        raise InputError(f"{place}: 'score' is {value!r}; write a number from 0 to 100")
    return score
