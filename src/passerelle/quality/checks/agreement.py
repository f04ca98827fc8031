"""Check ``agreement``: do article, noun and adjective agree in gender and number ("une chien rouge")?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from passerelle.languages.knowledge import Nouns, known
from passerelle.quality.base import UNKNOWN, Finding, Pair
from passerelle.quality.checks.direction import Direction
from passerelle.quality.evidence.analysis import Analysis, Reading, Word, open_analysis

VERSION = "agreement 1"

_GENDERS = frozenset({"m", "f"})
_NUMBERS = frozenset({"sg", "pl"})
_ADJECTIVES = frozenset({"adj", "pp"})
# A word that can be one of these too may have nothing to do with the noun before it.
_OTHER_USES = frozenset({"pr", "det", "cnjcoo", "cnjsub", "cnjadv", "adv", "num", "prn", "rel", "vblex", "vbser"})
# How feminine nouns begin that may take a masculine article; the spelling shows the stress only in part.
_STRESSED_A = ("a", "ha", "á", "há")


class Features(NamedTuple):
    """Genders and numbers that a reading allows."""

    genders: frozenset[str]
    numbers: frozenset[str]


class AgreementCheck:
    """Looks for words side by side of which no readings agree.

    Languages whose file says that they do (French, Spanish, Catalan, Italian, Portuguese), with an Apertium analyser.
    """

    name = "agreement"

    def __init__(self, source: str, target: str) -> None:
        self._direction = Direction.of(source, target)
        self._nouns = known(self._direction.target).nouns or Nouns()
        self._analysis: Analysis | None = open_analysis(self._direction.target) if self._nouns.agree else None
        self.signature = f"{VERSION} {self._direction} {self._analysis.signature if self._analysis else 'none'}"

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair by itself; `UNKNOWN` where nothing that must agree stands side by side.

        Raises:
            RunError: The analyser failed.
        """
        findings = [UNKNOWN] * len(pairs)
        if self._analysis is None:
            return findings
        rows = [row for row, pair in enumerate(pairs) if self._direction.is_of(pair)]
        for row, words in zip(rows, self._analysis.analyse([pairs[row].target for row in rows]), strict=True):
            findings[row] = _finding(words, self._nouns)
        return findings


def _finding(words: Sequence[Word], nouns: Nouns) -> Finding:
    looked_at, wrong = 0, list[str]()
    for first, second, agrees in _neighbours(words, nouns):
        looked_at += 1
        if not agrees:
            wrong.append(f"{first.form} {second.form}")
    if not looked_at:
        return UNKNOWN
    values = {"disagreements": float(len(wrong)), "share": len(wrong) / looked_at}
    if not wrong:
        return Finding(1.0, values=values)
    score = max(0.0, 0.5 - 0.5 * len(wrong) / looked_at)
    return Finding(score, f"don't agree: {'; '.join(wrong[:4])}", "grammar", values)


def _neighbours(words: Sequence[Word], nouns: Nouns) -> Iterator[tuple[Word, Word, bool]]:
    """Yield words side by side that should agree, and whether they can."""
    for place, (first, second) in enumerate(zip(words, words[1:], strict=False)):
        if second.after_break or not first.readings or not second.readings:
            continue
        if "det" in first.kinds and second.kinds & {"n", "adj"}:
            if _is_pronoun_here(words, place) or _takes_masculine(first, second, nouns):
                continue
            wanted = _of(first, {"det"})
            yield first, second, _any_agree(wanted, _of(second, {"n", *_ADJECTIVES}))
        elif (
            " " not in first.form
            and "n" in first.kinds
            and second.kinds & _ADJECTIVES
            and not second.kinds & _OTHER_USES
        ):
            after = words[place + 2] if place + 2 < len(words) else None
            if after is not None and not after.after_break and "n" in after.kinds:
                continue  # "bouton bonne affaire": it may belong to the next noun
            earlier = [word for word in words[: place + 1] if "n" in word.kinds]
            wanted = [features for word in earlier for features in _of(word, {"n"})]
            joined = len(earlier) > 1 and any("cnjcoo" in word.kinds for word in words[:place])
            agrees = _any_agree(wanted, _of(second, _ADJECTIVES))
            plural = any("pl" in features.numbers for features in _of(second, _ADJECTIVES))
            yield first, second, agrees or (joined and plural)


def _is_pronoun_here(words: Sequence[Word], place: int) -> bool:
    """Whether what can be an article may be a pronoun before a verb: "il le montre", "pour la porter"."""
    word, after = words[place], words[place + 1]
    verbs = {"vblex", "vbser", "vbhaver", "vbmod", "vaux"}
    if "prn" not in word.kinds or not after.kinds & verbs or place == 0 or word.after_break:
        return False
    return bool(words[place - 1].kinds & ({"prn", "rel", "np", "n"} | verbs))


def _takes_masculine(article: Word, noun: Word, nouns: Nouns) -> bool:
    return article.form.lower() in nouns.masculine_before_a and noun.form.lower().startswith(_STRESSED_A)


def _of(word: Word, kinds: Iterable[str]) -> list[Features]:
    wanted = set(kinds)
    return [_features(reading) for reading in word.readings if reading.kind in wanted]


def _features(reading: Reading) -> Features:
    """What the tags allow; ``mf``, ``sp``, and a tag that is missing allow all."""
    tags = set(reading.tags)
    return Features(frozenset(tags & _GENDERS) or _GENDERS, frozenset(tags & _NUMBERS) or _NUMBERS)


def _any_agree(some: Sequence[Features], others: Sequence[Features]) -> bool:
    """Whether two readings agree; where a side has none, nothing is wrong."""
    if not some or not others:
        return True
    return any(one.genders & other.genders and one.numbers & other.numbers for one in some for other in others)
