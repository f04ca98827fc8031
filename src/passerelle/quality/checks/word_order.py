"""Check ``word-order``: does an adjective stand before its noun where the language puts it after ("bleue voiture")?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from passerelle.languages.knowledge import known
from passerelle.quality.base import UNKNOWN, Finding, Pair
from passerelle.quality.checks.direction import Direction
from passerelle.quality.evidence.analysis import Analysis, Word, open_analysis
from passerelle.runs import content_hash

VERSION = "word-order 1"

_ADJECTIVES = frozenset({"adj", "pp"})
_MAY_PRECEDE = frozenset({"det", "num", "prn", "adv", "preadv", "pr", "cnjcoo", "rel"})


class WordOrderCheck:
    """Looks for adjectives right before a noun that the language puts after it.

    Languages whose file has `adjectives` (French, Spanish, Catalan), with an Apertium analyser.
    """

    name = "word-order"

    def __init__(self, source: str, target: str) -> None:
        self._direction = Direction.of(source, target)
        adjectives = known(self._direction.target).adjectives
        self._before = frozenset(adjectives.before.split() if adjectives else ())
        self._analysis: Analysis | None = open_analysis(self._direction.target) if self._before else None
        using = f"{self._analysis.signature} {content_hash(sorted(self._before))[:12]}" if self._analysis else "none"
        self.signature = f"{VERSION} {self._direction} {using}"

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair by itself; `UNKNOWN` where the translation has no adjective beside a noun.

        Raises:
            RunError: The analyser failed.
        """
        findings = [UNKNOWN] * len(pairs)
        if self._analysis is None:
            return findings
        rows = [row for row, pair in enumerate(pairs) if self._direction.is_of(pair)]
        for row, words in zip(rows, self._analysis.analyse([pairs[row].target for row in rows]), strict=True):
            findings[row] = self._finding(words)
        return findings

    def _finding(self, words: Sequence[Word]) -> Finding:
        wrong = [f"{first.form} {second.form}" for first, second in self._misplaced(words)]
        placed = sum(
            1
            for first, second in zip(words, words[1:], strict=False)
            if not second.after_break and "n" in first.kinds and second.kinds & _ADJECTIVES
        )
        values = {"misplaced": float(len(wrong))}
        if wrong:
            score = max(0.0, 0.5 - 0.5 * len(wrong) / (len(wrong) + placed))
            return Finding(score, f"adjective before its noun: {'; '.join(wrong[:4])}", "word-order", values)
        return Finding(1.0, values=values) if placed or any(w.kinds & _ADJECTIVES for w in words) else UNKNOWN

    def _misplaced(self, words: Sequence[Word]) -> Iterator[tuple[Word, Word]]:
        for place, (first, second) in enumerate(zip(words, words[1:], strict=False)):
            before = words[place - 1] if place and not first.after_break else None
            adjectives = [reading for reading in first.readings if reading.kind in _kinds_after(before)]
            if second.after_break or not adjectives or not _is_noun_only(second):
                continue
            if first.kinds & _MAY_PRECEDE or any(reading.lemma.lower() in self._before for reading in adjectives):
                continue
            is_noun_too = "n" in first.kinds and (before is None or "det" not in before.kinds)
            follows_noun = before is not None and "n" in before.kinds
            if " " not in first.form and not follows_noun and not is_noun_too:
                yield first, second


def _kinds_after(before: Word | None) -> frozenset[str]:
    """What counts as an adjective: a participle only behind an article, else it may belong to a verb."""
    return _ADJECTIVES if before is not None and "det" in before.kinds else frozenset({"adj"})


def _is_noun_only(word: Word) -> bool:
    """Whether a word is a noun and no adjective, or unknown and so no adjective that the language has."""
    if not word.readings:
        return len(word.form) > 1 and word.form.isalpha() and word.form.islower()
    return "n" in word.kinds and not word.kinds & _ADJECTIVES and len(word.form) > 1
