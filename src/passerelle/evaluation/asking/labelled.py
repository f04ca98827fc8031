"""What people said of answers: the labels of a review, right or wrong, by question and answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passerelle.errors import InputError
from passerelle.formats.base import BadRow
from passerelle.formats.values.rows import read_values

PEOPLE = "people"
Key = tuple[str, str, str, str]
"""Benchmark, language, question and the answer's words: whoever says the same to the same question gets its label."""


@dataclass(frozen=True)
class Labels:
    """Answers that people found right or wrong.

    Attributes:
        right: Whether an answer is, as most of them say.
        people: How many labelled.
        left_out: Labels that don't count, by reason.
    """

    right: Mapping[Key, bool]
    people: int
    left_out: Mapping[str, int]


def read_labels(path: Path) -> Labels:
    """Read the judgments that ``passerelle review export`` wrote; those of other tasks aren't labels.

    Raises:
        InputError: The file can't be read, or holds no label of an answer to a benchmark.
    """
    votes: dict[Key, Counter[bool]] = {}
    people, left_out = set(), Counter[str]()
    for _, row in read_values(path):
        key, label, why = _label(row)
        if key is None:
            left_out[why] += 1
            continue
        votes.setdefault(key, Counter())[label] += 1
        people.add(row["expert"])
    if not votes:
        raise InputError(
            f"{str(path)!r} has no label of an answer to a benchmark: make one by passerelle review create --run RUN "
            "--tasks label --unread, and write it by passerelle review export --out FILE."
        )
    decided = {key: count[True] > count[False] for key, count in votes.items() if count[True] != count[False]}
    if tied := len(votes) - len(decided):
        left_out["people disagree, as many each way"] += tied
    return Labels(decided, len(people), dict(left_out))


def _label(row: Any) -> tuple[Key | None, bool, str]:
    """Return what a row labels and how; without a key, why it is no label that counts."""
    if isinstance(row, BadRow) or not isinstance(row, dict):
        return None, False, "no row of an export"
    if row.get("task") != "label":
        return None, False, "another task"
    if row.get("is_attention") or row.get("occasion", 1) != 1:
        return None, False, "a check, or shown again"
    try:
        asked, answer, label = row["hidden"]["asked"], row["shown"]["answer"], row["content"].get("label")
        key = (str(asked["benchmark"]), str(asked["language"]), str(asked["id"]), str(answer))
    except (KeyError, TypeError, AttributeError):
        return None, False, "not made of a run's answers"
    if label not in ("right", "wrong") or row["content"].get("skipped"):
        return None, False, "skipped"
    return key, label == "right", ""
