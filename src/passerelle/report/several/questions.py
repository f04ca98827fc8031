"""Whether two runs asked the same and read it alike, and what each got right then, question by question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from passerelle.report.parse import as_number
from passerelle.report.several.runs import Told
from passerelle.runs import file_hash

Row = Mapping[str, Any]
_COUNTS = ("lang:", "n:", "clusters:", "missing:", "seeds:", "ci:", "seed:", "v:")
"""Parts of a signature that say how much was asked and how intervals were made, not how answers were read."""
_DATA = {"options": "options", "correct": "right answer", "references": "right answers"}
_PERCENT = 100.0
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Pairs:
    """The questions that two runs have in common.

    Attributes:
        questions: Their ids, or those of groups of questions.
        first: What the first scored in each, in the metric's unit, the mean over seeds.
        second: The same of the second.
        pictures: The picture of each.
        of: How many questions the first and the second asked.
    """

    questions: tuple[str, ...]
    first: tuple[float, ...]
    second: tuple[float, ...]
    pictures: tuple[str, ...]
    of: tuple[int, int]


def pair(told: tuple[Told, Told], rows: tuple[Sequence[Row], Sequence[Row]]) -> Pairs | str:
    """Pair the answers of two runs.

    Args:
        told: The scores that are to be compared.
        rows: The answers that each is of, all seeds.

    Returns:
        What both scored, or why they can't be compared.
    """
    if why := _measured_otherwise(told[0].score.signature, told[1].score.signature):
        return why
    questions = [{str(row.get("id")): row for row in found} for found in rows]
    shared = [key for key in questions[0] if key in questions[1]]
    if not shared:
        return "other test data: no question has the same id"
    if why := _asked_otherwise([(questions[0][key], questions[1][key]) for key in shared]):
        return why
    units = [_units(one, found) for one, found in zip(told, rows, strict=True)]
    first, second = units
    if first is None or second is None:
        return (
            "the score isn't a mean of what single answers score, or was kept by an older version, so it can't be "
            "taken apart by question"
        )
    pictures = {_unit(row, first): str(row.get("picture") or f"item:{row.get('id')}") for row in rows[0]}
    common = [key for key in first if key in second]
    if not common:
        return "no question was answered in both"
    if told[0].score.unit != "%" and first.keys() != second.keys():
        return "the two weren't asked all the same, and what a caption scores depends on all captions of a test"
    return Pairs(
        tuple(common),
        tuple(first[key] for key in common),
        tuple(second[key] for key in common),
        tuple(pictures[key] for key in common),
        (len(first), len(second)),
    )


def _measured_otherwise(first: str, second: str) -> str:
    """Say how the ways differ in which two scores were measured; empty where they don't."""
    one, other = (_definition(signature) for signature in (first, second))
    if one == other:
        return ""
    differ = [(_said(a), _said(b)) for a, b in _aligned(one, other) if a != b]
    said = ", ".join(f"{a} here, {b} there" for a, b in differ)
    kinds = {part.partition(":")[0] for pair_of in differ for part in pair_of}
    if "parser" in kinds:
        return f"another reading version: {said}"
    return f"measured otherwise: {said}"


def _said(part: str) -> str:
    return part or "nothing"


def _definition(signature: str) -> list[str]:
    return [part for part in signature.split("|")[1:] if not part.startswith(_COUNTS)]


def _aligned(one: Sequence[str], other: Sequence[str]) -> Iterator[tuple[str, str]]:
    keys = dict.fromkeys(_key(part) for part in (*one, *other))
    for key in keys:
        yield (
            next((part for part in one if _key(part) == key), ""),
            next((part for part in other if _key(part) == key), ""),
        )


def _key(part: str) -> str:
    return part.partition(":")[0]


def _asked_otherwise(both: Sequence[tuple[Row, Row]]) -> str:
    """Say in what questions of the same ids differ; empty where they don't."""
    for key, what in _DATA.items():
        if count := sum(one.get(key) != other.get(key) for one, other in both):
            return f"other test data: {count} of {len(both)} questions have another {what}"
    if count := sum(one.get("prompt") != other.get("prompt") for one, other in both):
        return f"another prompt: {count} of {len(both)} questions are asked in other words"
    if count := sum(not _same_picture(str(one.get("picture")), str(other.get("picture"))) for one, other in both):
        return f"other test data: {count} of {len(both)} questions are about another picture"
    return ""


def _same_picture(one: str, other: str) -> bool:
    if one == other:
        return True
    digests = _digest(one), _digest(other)
    # Where a file is gone, its name is all that is known.
    return digests[0] == digests[1] if all(digests) else Path(one).name == Path(other).name


@cache
def _digest(picture: str) -> str:
    try:
        return file_hash(Path(picture))
    except (OSError, ValueError):
        return ""


def _unit(row: Row, units: Mapping[str, float]) -> str:
    key = str(row.get("id"))
    return key if key in units else str(row.get("group"))


def _units(told: Told, rows: Sequence[Row]) -> dict[str, float] | None:
    """Return what was scored by question, or right by group of questions, whichever makes up the score; else ``None``.

    Answers of older versions say only whether they are right.
    """
    seeds: dict[object, dict[str, Row]] = {}
    for row in rows:
        seeds.setdefault(row.get("seed"), {})[str(row.get("id"))] = row
    for how in (_scored, _right, partial(_right, by_group=True)):
        found = [how(seed.values()) for seed in seeds.values()]
        shared = [key for key in found[0] if all(key in seed for seed in found)] if found else []
        units = {key: sum(seed[key] for seed in found) / len(found) for key in shared}
        mean = sum(units.values()) / len(units) if units else None
        if mean is not None and told.score.value is not None and abs(mean - told.score.value) < _ROUNDING:
            return units
    return None


def _scored(rows: Iterable[Row]) -> dict[str, float]:
    scores = {str(row.get("id")): as_number(row.get("score")) for row in rows}
    return {key: score for key, score in scores.items() if score is not None}


def _right(rows: Iterable[Row], *, by_group: bool = False) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows:
        key = str((row.get("group") if by_group else "") or row.get("id"))
        if isinstance(row.get("right"), bool):
            found[key] = found.get(key, _PERCENT) if row["right"] else 0.0
    return found
