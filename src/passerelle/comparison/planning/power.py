"""The smallest difference that a comparison's tests can show, before they are asked."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from passerelle.errors import InputError
from passerelle.evaluation.reading import Test
from passerelle.evaluation.statistics.power import LEVEL, detectable, needed, share_error
from passerelle.runs import read_json

DISCORDANT = (0.1, 0.25, 0.4)
"""Assumed where there is no pilot: the share of the questions that one of two arms alone gets right."""
CORRELATED = (0.0, 0.1, 0.3)
"""Assumed likewise: the correlation of two arms' differences at two questions about one picture."""
_PERCENT = 100.0


@dataclass(frozen=True)
class Power:
    """What a test can show of two arms.

    Attributes:
        test: Its name.
        questions: How many it has.
        pictures: These are about so many.
        smallest: The smallest difference in points that is found 80 times in 100: the least, the likeliest, the most
            by what is known of the arms; ``None`` where nothing is.
        corrected: The likeliest, at the strictest of Holm's corrections for as many comparisons as are planned.
        questions_needed: Questions like these that show the difference that was asked about.
        pictures_needed: The same in pictures.
        known_by: Where that is from.
    """

    test: str
    questions: int
    pictures: int
    smallest: tuple[float, float, float] | None
    corrected: float | None
    questions_needed: int | None
    pictures_needed: int | None
    known_by: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return asdict(self)


def read_pilot(run: Path) -> list[dict[str, Any]]:
    """Return the paired comparisons of a finished run.

    Args:
        run: The folder of a comparison or an evaluation, or its ``results.json``.

    Raises:
        InputError: There are none.
    """
    folder = run.parent if run.is_file() else run
    for place in (folder / "evaluation", folder):
        rows = (read_json(place / "results.json") or {}).get("comparisons", [])
        if rows and "detectable" in rows[0]:
            return list(rows)
    raise InputError(
        f"{str(run)!r} holds no paired comparisons: give the folder of a finished `passerelle compare`, or of an "
        "`evaluate` of two or more models."
    )


def power_of(
    test: Test, pilot: Sequence[Mapping[str, Any]], pilot_named: str, comparisons: int, difference: float
) -> Power:
    """Return what a test can show.

    Args:
        test: The test in the target language.
        pilot: Paired comparisons of an earlier run; those of a test of this name and language are taken.
        pilot_named: What that run is called.
        comparisons: How many are planned.
        difference: Points that are to be shown.
    """
    questions = Counter(str(item.picture or item.group or item.id) for item in test.items)
    count, pictures = len({item.group or item.id for item in test.items}), len(questions)
    smallest, known_by = _by_pilot(test, pilot, pictures), pilot_named
    if smallest is None:
        smallest, known_by = _by_assumption(test, list(questions.values()), count)
    if smallest is None or not all(map(math.isfinite, smallest)):
        return Power(test.name, count, pictures, None, None, None, None, known_by)
    corrected = smallest[1] * detectable(1.0, level=LEVEL / max(1, comparisons)) / detectable(1.0)
    asked, shown = (needed(each, smallest[1], difference) for each in (count, pictures))
    return Power(test.name, count, pictures, smallest, corrected, asked, shown, known_by)


def _by_pilot(test: Test, pilot: Sequence[Mapping[str, Any]], pictures: int) -> tuple[float, float, float] | None:
    """Return what the pilot's pairs could show, with as many pictures as there are now."""
    found = [
        row["detectable"] * math.sqrt(row["clusters"] / pictures)
        for row in pilot
        if row["benchmark"] == test.name and row["language"] == test.language and _is_number(row["detectable"])
    ]
    return (min(found), median(found), max(found)) if found else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and value > 0


def _by_assumption(test: Test, questions: Sequence[int], count: int) -> tuple[tuple[float, float, float] | None, str]:
    if test.benchmark.kind in ("caption", "chat"):
        return None, "a pilot is needed: nothing can be assumed of how its scores spread"
    whole = [each * count / len(test.items) for each in questions]  # rotations of a question count once
    ends = [
        _PERCENT * detectable(share_error(whole, discordance, correlation))
        for discordance, correlation in zip(DISCORDANT, CORRELATED, strict=True)
    ]
    least, likely, most = (f"{share:.0%}" for share in DISCORDANT)
    said = (
        f"assumed: one arm alone is right at {least} to {most} of the questions, most likely at {likely}; differences "
        f"at questions about one picture are correlated by {CORRELATED[1]:g}"
    )
    return (ends[0], ends[1], ends[2]), said
