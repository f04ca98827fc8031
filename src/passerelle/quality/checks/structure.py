"""Check ``structure``: numbers, boxes, marks and options are kept, and so is the number of sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from passerelle.quality.base import ErrorClass, Finding, Pair
from passerelle.translation.protection.sentences import BREAK, split_sentences
from passerelle.translation.protection.verify import Violation, verify

VERSION = "structure 3"

_CONTENT: Mapping[str, ErrorClass] = {"dropped": "dropped", "sentence-count": "dropped", "overlong": "added"}
"""Reason codes of `verify` that tell of content, not of protected parts, and what became of it."""

_HARMLESS = frozenset({"white-space"})
_SENTENCES_SCORE = 0.4
_HARMLESS_SCORE = 0.8


class StructureCheck:
    """Compares protected parts by `translation.verify`, and counts sentences.

    Works in all languages. A lost or doubled part, another number of rows or cells, and another key of JSON give 0,
    another number of sentences 0.4, other blanks at the ends 0.8.

    Attributes:
        sees_markup: It alone is shown tags and bars; to the other checks they are no words.
    """

    name = "structure"
    signature = VERSION
    sees_markup = True

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair by itself."""
        return [_assess(pair) for pair in pairs]


def _assess(pair: Pair) -> Finding:
    if not pair.target.strip():
        if not pair.source.strip():
            return Finding(1.0)
        return Finding(0.0, "nothing is left of the source", "dropped", _values(0, -1))
    violations = verify(pair.source, pair.target, language=pair.source_language)
    difference = _sentences(pair.target, pair.target_language) - _sentences(pair.source, pair.source_language)
    values = _values(sum(_class(found) == "structure" for found in violations), difference)
    if violations:
        worst = min(violations, key=_score)
        return Finding(_score(worst), f"{worst.code}: {worst.detail}", _class(worst), values)
    if difference:
        what = f"{abs(difference)} sentence{'s' if abs(difference) > 1 else ''} {'more' if difference > 0 else 'fewer'}"
        error: ErrorClass = "added" if difference > 0 else "dropped"
        return Finding(_SENTENCES_SCORE, f"{what} than in the source", error, values)
    return Finding(1.0, values=values)


def _values(violations: int, sentences: int) -> dict[str, float]:
    return {"violations": float(violations), "sentences": float(sentences)}


def _class(violation: Violation) -> ErrorClass:
    return _CONTENT.get(violation.code, "structure")


def _score(violation: Violation) -> float:
    if violation.code in _HARMLESS:
        return _HARMLESS_SCORE
    return _SENTENCES_SCORE if violation.code == "sentence-count" else 0.0


def _sentences(text: str, language: str) -> int:
    lines = (line for line in BREAK.split(text) if line.strip())
    return sum(len([s for s in split_sentences(line, language) if any(map(str.isalnum, s))]) for line in lines)
