"""The check ``dictionary``: does each word have its counterpart, as dictionaries know it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from passerelle.errors import MissingDependency
from passerelle.quality.base import ErrorClass, Finding, Pair
from passerelle.quality.checks.by_language import by_languages
from passerelle.quality.evidence.freedict import WordTable
from passerelle.quality.evidence.lemmas import Analyser, Word, tokens

LONGEST_PHRASE = 4
RARE = 0.12
"""A translation with less than this share of the votes of the usual one is a rare sense."""
KEPT = 12
"""Translations of a word that are looked for: those behind are noise of the joining."""


class Words(Protocol):
    """Knows the translations of words."""

    signature: str

    def translations(self, word: str) -> Mapping[str, float]:
        """Return a word's translations with their votes, the likeliest first."""
        ...


@dataclass(frozen=True)
class Unit:
    """A word or phrase of the source and what became of it.

    Attributes:
        text: The word or phrase, in lower case.
        translations: What dictionaries give for it with their votes, the likeliest first.
        found: The likeliest of them that is in the translation; ``None`` if none is.
    """

    text: str
    translations: Mapping[str, float]
    found: str | None

    @property
    def strength(self) -> float:
        """How usual the translation found is (0..1): its votes over those of the likeliest."""
        if self.found is None:
            return 0.0
        return self.translations[self.found] / max(self.translations.values())


@dataclass(frozen=True)
class _Tools:
    words: Words
    source: Analyser
    target: Analyser


@dataclass(frozen=True)
class _Licence:
    """How usual each content word of the translation is as a translation of some word of the source (0..1)."""

    strengths: Mapping[str, float]

    @property
    def unlicensed(self) -> list[str]:
        return [word for word, strength in self.strengths.items() if strength == 0]


def _tools(source: str, target: str) -> _Tools:
    return _Tools(WordTable(source, target), Analyser(source), Analyser(target))


class DictionaryCheck:
    """Looks up the source's words and looks for their translations in the target, and the other way round.

    The score is F1 (0..1) of ``found``, the share of the source's known content words with a counterpart, and
    ``licensed``, the share of the translation's content words that some word of the source accounts for.
    Further values: ``known``, the share of the source's words that dictionaries know; ``usual`` and
    ``rarest``, mean and least votes of the counterparts against the likeliest (0..1); ``fitting`` and
    ``oddest``, the same of the translation's words; ``missing``, the number of words without a counterpart.
    """

    name = "dictionary"

    def __init__(
        self, languages: tuple[str, str] = ("en", "fr"), open_tools: Callable[[str, str], _Tools] = _tools
    ) -> None:
        """Open dictionaries when they are first needed.

        Args:
            languages: Source and target whose dictionaries the signature names.
            open_tools: Opens dictionaries and analysers for two languages.
        """
        self._languages, self._open = languages, open_tools
        self._opened: dict[tuple[str, str], _Tools | str] = {}

    @property
    def signature(self) -> str:
        """The dictionaries' versions and the analysers."""
        tools = self._for(*self._languages)
        if isinstance(tools, str):
            return f"{self.name} 2|none"
        return f"{self.name} 2|{tools.words.signature}|{tools.source.signature}|{tools.target.signature}"

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair; unknown, with the reason how to install some, where there are no dictionaries."""
        return by_languages(pairs, self._assess)

    def units(self, pair: Pair) -> list[Unit]:
        """Return the source's content words and phrases and their counterparts.

        Args:
            pair: A pair with text on both sides.

        Raises:
            MissingDependency: There are no dictionaries for its languages.
        """
        tools = self._for(pair.source_language, pair.target_language)
        if isinstance(tools, str):
            raise MissingDependency(tools)
        return _units(pair, tools)

    def _for(self, source: str, target: str) -> _Tools | str:
        key = source, target
        if key not in self._opened:
            try:
                self._opened[key] = self._open(source, target)
            except MissingDependency as missing:
                self._opened[key] = str(missing)
        return self._opened[key]

    def _assess(self, pairs: Sequence[Pair], source: str, target: str) -> list[Finding]:
        tools = self._for(source, target)
        if isinstance(tools, str):
            return [Finding(float("nan"), tools)] * len(pairs)
        _look_ahead(pairs, tools)
        units = [_units(pair, tools) for pair in pairs]
        return [_finding(found, _licence(pair, found, tools)) for pair, found in zip(pairs, units, strict=True)]


def _look_ahead(pairs: Sequence[Pair], tools: _Tools) -> None:
    """Have all words analysed at once that the pairs will ask for: each call starts a program."""
    sources = {pair.source: tokens(pair.source) for pair in pairs}
    looked_up = tools.source.look_up([word for words in sources.values() for word in words])
    wanted = {word: None for pair in pairs for word in tokens(pair.target)}
    for words in sources.values():
        for end in range(1, len(words) + 1):
            for start in range(max(0, end - LONGEST_PHRASE), end):
                for text in _votes(words[start:end], looked_up, tools):
                    wanted |= dict.fromkeys(tokens(text))
    tools.target.look_up(wanted)


def _units(pair: Pair, tools: _Tools) -> list[Unit]:
    said, analysed = _said(pair, tools), tokens(pair.source)
    looked_up = tools.source.look_up(analysed)
    found: list[Unit] = []
    start = 0
    while start < len(analysed):
        for length in range(min(LONGEST_PHRASE, len(analysed) - start), 0, -1):
            phrase = analysed[start : start + length]
            unit = _unit(phrase, looked_up, said, tools)
            if length == 1 or unit.found is not None:
                if length > 1 or looked_up[phrase[0]].has_content:
                    found.append(unit)
                start += length
                break
    return found


def _said(pair: Pair, tools: _Tools) -> frozenset[str]:
    """All base forms of the translation's words."""
    return frozenset[str]().union(*(word.forms for word in tools.target.look_up(tokens(pair.target)).values()))


def _unit(phrase: Sequence[str], looked_up: Mapping[str, Word], said: frozenset[str], tools: _Tools) -> Unit:
    """Look a phrase up, as it is and with the base forms of its last word, and look for it in the target."""
    likeliest = _votes(phrase, looked_up, tools)
    found = next((text for text in likeliest if _is_said(text, said, tools)), None)
    return Unit(" ".join(phrase), likeliest, found)


def _votes(phrase: Sequence[str], looked_up: Mapping[str, Word], tools: _Tools) -> dict[str, float]:
    *first, last = phrase
    votes: dict[str, float] = {}
    for form in sorted(looked_up[last].forms):
        for translation, vote in tools.words.translations(" ".join([*first, form])).items():
            votes[translation] = max(vote, votes.get(translation, 0.0))
    return dict(sorted(votes.items(), key=lambda item: (-item[1], item[0]))[:KEPT])


def _is_said(text: str, said: frozenset[str], tools: _Tools) -> bool:
    """Whether all words of a translation that carry meaning are in the target."""
    words = tools.target.look_up(tokens(text))
    wanted = [word for word in words.values() if word.has_content] or list(words.values())
    return bool(wanted) and all(word.forms & said for word in wanted)


def _licence(pair: Pair, units: Sequence[Unit], tools: _Tools) -> _Licence:
    looked_up = tools.target.look_up(tokens(pair.target))
    content = {word: known for word, known in looked_up.items() if known.has_content}
    strengths = dict.fromkeys(content, 0.0)
    copied = set(tokens(pair.source))
    for unit in units:
        top = max(unit.translations.values(), default=1.0)
        for text, vote in unit.translations.items():
            meant = tools.target.look_up(tokens(text))
            forms = frozenset[str]().union(*(word.forms for word in meant.values()))
            for word, known in content.items():
                if known.forms & forms:
                    strengths[word] = max(strengths[word], vote / top / max(1, len(meant) - 1))
    for word in content:
        if strengths[word] == 0 and word in copied:
            strengths[word] = RARE
    return _Licence(strengths)


def _finding(units: Sequence[Unit], licence: _Licence) -> Finding:
    known = [unit for unit in units if unit.translations]
    strengths = [unit.strength for unit in known]
    found = _mean([unit.found is not None for unit in known])
    licensed = _mean([strength > 0 for strength in licence.strengths.values()])
    values = {
        "found": found,
        "licensed": licensed,
        "known": _mean([bool(unit.translations) for unit in units]),
        "usual": _mean(strengths),
        "rarest": min(strengths, default=float("nan")),
        "fitting": _mean(list(licence.strengths.values())),
        "oddest": min(licence.strengths.values(), default=float("nan")),
        "missing": float(sum(unit.found is None for unit in known)),
    }
    score = 2 * found * licensed / (found + licensed) if found + licensed else found * licensed
    missing = next((unit for unit in known if unit.found is None), None)
    rare = min((unit for unit in known if unit.found), key=lambda unit: unit.strength, default=None)
    if missing is not None:
        error: ErrorClass = "wrong-sense" if licence.unlicensed else "dropped"
        return Finding(score, f'nothing in the translation for "{missing.text}"', error, values)
    if rare is not None and rare.strength < RARE:
        usual = next(iter(rare.translations))
        reason = f'"{rare.found}" is rare for "{rare.text}"; "{usual}" is usual'
        return Finding(score, reason, "wrong-sense", values)
    if licence.unlicensed:
        return Finding(score, f'nothing in the source for "{licence.unlicensed[0]}"', "added", values)
    return Finding(score, "", None, values)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
