"""Answers that somebody else made: ``--predictions FILE``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from passerelle.errors import InputError
from passerelle.evaluation.asking.asking import Answered
from passerelle.evaluation.asking.journal import Kept
from passerelle.evaluation.asking.matching import IDS, TEXTS, is_answer, matched, text_of
from passerelle.evaluation.reading import MOST_SHOWN, Missing, Test
from passerelle.evaluation.rows import BrokenRow, read_answers
from passerelle.records import Answer


@dataclass
class Predictions:
    """The rows of a file of answers.

    Attributes:
        path: The file.
        rows: Its rows.
        notes: What couldn't be used, for people.
    """

    path: Path
    rows: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)


def read_predictions(path: Path) -> Predictions:
    """Read answers: JSON Lines, JSON, CSV, TSV, Excel or Parquet with an id and a text in each row.

    An id is in ``question_id``, ``question``, ``id``, ``index`` or ``image_id``; a text in ``text``, ``prediction``,
    ``answer``, ``response``, ``output`` or ``caption``. lmms-eval's logs (``doc_id``, ``filtered_resps``) and MME's
    results (picture, question, truth and answer between tabs, a file a subtask) are read as they are. ``benchmark``
    and ``language`` say what a row answers where the file holds several. ``logprobs`` (with ``priors``, ``tokens``)
    are scores of the options.

    Raises:
        InputError: The file can't be read, or no row has an id and a text.
    """
    found = Predictions(path, [])
    for row in read_answers(path):
        if isinstance(row, BrokenRow):
            found.notes.append(str(row))
        elif is_answer(row):
            found.rows.append(row)
        else:
            found.notes.append(f"row {row.get('_number')}: no id or no text")
    if not found.rows:
        raise InputError(
            f"{str(path)!r} has no answers: each row needs an id ({', '.join(IDS)}) and a text ({', '.join(TEXTS)})."
        )
    return found


def answers_to(predictions: Predictions, test: Test, languages: Sequence[str], only: bool) -> Answered:
    """Pick a file's answers to one benchmark in one language.

    Args:
        predictions: The file.
        test: The benchmark in one language.
        languages: All languages of the run: where there are several, rows must say theirs.
        only: Whether it is the run's only benchmark, so that answers to other questions are worth a word.

    Raises:
        InputError: No answer is to a question of the benchmark; or there are several languages and rows don't say
        theirs.
    """
    rows = [row for row in predictions.rows if row.get("benchmark", test.benchmark.name) == test.benchmark.name]
    if len(languages) > 1 and any("language" not in row for row in rows):
        raise InputError(
            f"{str(predictions.path)!r} has rows without a language, and {' and '.join(languages)} are asked for: "
            'put a "language" into each row, or evaluate one language at a time.'
        )
    rows = [row for row in rows if row.get("language", test.language) == test.language]
    asked, answered, strangers = {item.id for item in test.items}, Answered(), []
    ids, how = matched(rows, test)
    if how:
        predictions.notes.append(f"{test.benchmark.name} ({test.language}): answers were matched {how}")
    for key, row in zip(ids, rows, strict=True):
        if key not in asked:
            strangers.append(key)
        elif key in answered.kept:
            predictions.notes.append(f"{test.benchmark.name} ({test.language}) {key}: answered twice; the first counts")
        else:
            answered.kept[key] = Kept(_answer(key, row), _seconds(row))
    where = f"{test.benchmark.name} ({test.language})"
    if not answered.kept:
        shown = ", ".join(repr(each) for each in strangers[:MOST_SHOWN]) or "no ids at all"
        raise InputError(
            f"{str(predictions.path)!r} answers no question of {where}: its ids are {shown}; the benchmark's are "
            f"{', '.join(repr(item.id) for item in test.items[:MOST_SHOWN])}."
        )
    if strangers and (only or any("benchmark" in row for row in rows)):
        shown = ", ".join(strangers[:MOST_SHOWN])
        predictions.notes.append(f"{where}: {len(strangers)} answers are to other questions, for example {shown}")
    answered.missing = [Missing(i, "no prediction") for i in sorted(asked - answered.kept.keys())]
    return answered


def _seconds(row: dict[str, Any]) -> float:
    """Return what an answer took; 0 where the row doesn't say it in a number."""
    try:
        seconds = float(row.get("seconds") or 0.0)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0


def _answer(key: str, row: dict[str, Any]) -> Answer:
    scores = {name: tuple(row.get(name) or ()) for name in ("logprobs", "priors", "tokens")}
    return Answer(key, text=text_of(row) or "", **scores)
