"""Put right what engines write wrong again and again: adjectives in the wrong place, a tense taken literally, phrases.

Each is a small change with a reason in the source, so the rest of a text stays as it was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from passerelle.quality.evidence.analysis import Analysis, Reading, Word, open_analysis
from passerelle.quality.evidence.generating import Generator, open_generator
from passerelle.quality.repair.wording import Wording, wording

_CLOSED = frozenset({"pr", "det", "adv", "num", "cnjcoo", "cnjsub", "prn", "rel"})

_NOT_FINITE = frozenset({"inf", "ger", "pprs"})


class Mender:
    """Mends translations between two languages."""

    def __init__(self, source: str, target: str) -> None:
        """Find what is known of the languages (BCP-47); without anything texts stay as they are."""
        self._wording: Wording | None = wording(source, target)
        self._analysis: Analysis | None = open_analysis(target) if self._wording else None
        self._generator: Generator | None = open_generator(target) if self._wording else None

    def mend(self, sources: Sequence[str], texts: Sequence[str]) -> list[str]:
        """Return each translation put right; as it was where there is nothing to put right.

        Raises:
            RunError: The analyser or the generator failed.
        """
        known = self._wording
        if known is None or not texts:
            return list(texts)
        mended = [known.mend(source, text) for source, text in zip(sources, texts, strict=True)]
        mended = self._present(known, sources, mended)
        if self._analysis is not None:
            analysed = self._analysis.analyse(mended)
            mended = [_reordered(known, text, words) for text, words in zip(mended, analysed, strict=True)]
        return [known.contracted(text) if text != was else text for text, was in zip(mended, texts, strict=True)]

    def _present(self, known: Wording, sources: Sequence[str], texts: Sequence[str]) -> list[str]:
        """Write "mange" for "est en train de manger" where the source has "is eating"."""
        rule = known.progressive
        if rule is None or self._analysis is None or self._generator is None:
            return list(texts)
        literal = re.compile(rule.find)
        verbs = list(dict.fromkeys(match[2] for text in texts for match in literal.finditer(text)))
        lemmas = {
            verb: reading.lemma
            for verb, words in zip(verbs, self._analysis.analyse(verbs), strict=True)
            for word in words[:1]
            for reading in word.readings
            if reading.tags[0] == "vblex" and _NOT_FINITE & set(reading.tags)
        }
        wanted = {
            (verb, number): (lemma, ("vblex", "pri", "p3", number))
            for verb, lemma in lemmas.items()
            for number in ("sg", "pl")
        }
        forms = self._generator.generate(wanted.values())

        def put(match: re.Match[str], number: str) -> str:
            if number == "both":
                number = "pl" if match[1] == rule.plural else "sg"
            form = wanted.get((match[2], number))
            return (forms.get(form) if form else None) or match[0]

        return [
            literal.sub(partial(put, number=rule.number(source)), text)
            for source, text in zip(sources, texts, strict=True)
        ]


def _reordered(known: Wording, text: str, words: Sequence[Word]) -> str:
    """Put adjectives that stand before their noun there: "un homme vieux" becomes "un vieil homme"."""
    for noun, adjective in zip(words, words[1:], strict=False):
        if _is_misplaced(known, noun, adjective):
            text = _swapped(known, text, noun, adjective)
    return text


def _is_misplaced(known: Wording, noun: Word, adjective: Word) -> bool:
    if adjective.after_break or " " in noun.form or "n" not in noun.kinds or noun.kinds & _CLOSED:
        return False
    first = [one for one in adjective.readings if one.tags[0] == "adj" and one.lemma.lower() in known.first_adjectives]
    return any(_agree(one, other) for one in first for other in noun.readings if other.kind == "n")


def _agree(adjective: Reading, noun: Reading) -> bool:
    """Whether gender and number go together: an adjective in another form belongs to another word."""
    return all(
        any(tag in both for tag in adjective.tags)
        or any(tag in both for tag in noun.tags)
        or bool(kind & set(adjective.tags) & set(noun.tags))
        for kind, both in (({"m", "f"}, {"mf"}), ({"sg", "pl"}, {"sp"}))
    )


def _swapped(known: Wording, text: str, noun: Word, adjective: Word) -> str:
    """Swap noun and adjective, and write what is elided before the noun in full."""
    form = adjective.form.lower()
    is_singular = any(one.kind == "n" and "sg" in one.tags for one in noun.readings)
    if is_singular:
        form = known.before_noun(form, noun.form)
    is_feminine = any(one.kind == "n" and "f" in one.tags for one in noun.readings)
    whole = {"l": "la " if is_feminine else "le ", "d": "de "}

    def put(match: re.Match[str]) -> str:
        elided = match[1] or ""
        before = whole[elided[0].lower()] if elided else ""
        return (before.capitalize() if elided[:1].isupper() else before) + f"{form} {noun.form}"

    pattern = rf"(?:\b([lLdD]['’]))?(?<!\w){re.escape(noun.form)} {re.escape(adjective.form)}(?!\w)"
    return re.sub(pattern, put, text)
