"""Which question a row of somebody's answers is about: by its id, by its question, or by the order of both files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from passerelle.evaluation.benchmarks.base import Item
from passerelle.evaluation.reading import Test

IDS = ("question_id", "question", "id", "index", "image_id", "image/key")
TEXTS = ("filtered_resps", "text", "prediction", "answer", "response", "output", "caption", "resps")
# A file of questions that answers were added to has the questions under "text".
_BESIDE_LABELS = ("prediction", "answer", "response", "output")
_PLACE = "doc_id"

Row = Mapping[str, Any]


def id_of(row: Row) -> str:
    """Return what names a row's question; empty if nothing does. lmms-eval keeps the question's row under ``doc``."""
    return next(iter(_names(row)), "")


def text_of(row: Row) -> str | None:
    """Return what was said in a row; ``None`` where nothing is, or a record and no text."""
    names = _BESIDE_LABELS if "label" in row and any(row.get(n) is not None for n in _BESIDE_LABELS) else TEXTS
    value = next((row[name] for name in names if row.get(name) is not None), None)
    while isinstance(value, list):
        value = value[0] if value else ""
    return None if value is None or isinstance(value, Mapping) else str(value)


def is_answer(row: Row) -> bool:
    """Say whether a row names a question, or its place among them, and says something."""
    named = id_of(row) or row.get(_PLACE) is not None
    return bool(named) and (text_of(row) is not None or bool(row.get("logprobs")))


def matched(rows: Sequence[Row], test: Test) -> tuple[list[str], str]:
    """Find the id of each row's question.

    Returns:
        The ids, a row's own where it is to no question here; and how they were found if not by id, for people.
    """
    asked = {item.id for item in test.items}
    ids = [next((name for name in _names(row) if name in asked), id_of(row)) for row in rows]
    if any(key in asked for key in ids):
        return ids, ""
    by_question = _by_question(test.items)
    found = [by_question.get(_question_of(row), "") for row in rows]
    if any(found):
        return [key or own for key, own in zip(found, ids, strict=True)], "by question and picture"
    places = [_place(row, number) for number, row in enumerate(rows)]
    if _is_in_order(rows, places, test):
        return [test.items[place].id for place in places], "by their order, as they have no ids"
    return ids, ""


def _is_in_order(rows: Sequence[Row], places: Sequence[int], test: Test) -> bool:
    """Say whether rows stand as the questions do: each question that they repeat is the one in its place."""
    if test.missing or len(set(places)) < len(places) or not all(0 <= place < len(test.items) for place in places):
        return False
    if not all(_PLACE in row for row in rows) and len(rows) != len(test.items):
        return False
    repeated = [(_question_of(row)[2], test.items[place].question) for row, place in zip(rows, places, strict=True)]
    if any(said and said != question for said, question in repeated):
        return False
    return all(_PLACE in row for row in rows) or all(said for said, _ in repeated)


def _place(row: Row, number: int) -> int:
    given = row.get(_PLACE)
    return int(given) if isinstance(given, int) or isinstance(given, str) and given.isdigit() else number


def _by_question(items: Sequence[Item]) -> dict[tuple[str, str, str], str]:
    """Return ids by subtask, picture and question; those that several share aren't told apart."""
    found: dict[tuple[str, str, str], str] = {}
    for item in items:
        key = (item.subtask, Path(item.group or str(item.picture or "")).stem, item.question.strip())
        found[key] = "" if key in found else item.id
    return found


def _question_of(row: Row) -> tuple[str, str, str]:
    """Return a row's subtask, the stem of its picture's name, and its question."""
    doc = _doc(row)

    def first(*names: str) -> str:
        return next((str(each[n]) for n in names for each in (row, doc) if isinstance(each.get(n), str | int)), "")

    picture = first("question_id") if doc else first("image", "image_path", "picture", "question_id")
    return first("category", "subtask"), Path(picture).stem, first("question", "prompt").strip()


def _names(row: Row) -> list[str]:
    return [str(each[name]) for each in (row, _doc(row)) for name in IDS if each.get(name) not in (None, "")]


def _doc(row: Row) -> Row:
    doc = row.get("doc")
    return doc if isinstance(doc, Mapping) else {}
