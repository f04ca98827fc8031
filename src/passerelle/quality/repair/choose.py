"""Choose among candidates by how much they agree with each other and by what speaks for each (MBR and a linear score).

The score is linear in a few features, each taken as its difference to the pool's mean: so it says which candidate of
one pool is best, never how good a text is. Weights are fitted on sentence chrF to human references.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Protocol

from passerelle.quality.evidence.freedict import Dictionary
from passerelle.quality.repair.candidates import Candidate
from passerelle.quality.repair.composing import forms

FEATURES = (
    "mbr", "unknown", "first-engine", "engine", "fixed", "composed", "variant", "votes", "share", "makers", "licensed",
    "french", "heads-entry", "length", "composed-share", "composed-licensed", "stray-capitals",
)  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_SHORT = 3


class Scorer(Protocol):
    """Says which candidates of a pool are good; only differences within the pool count."""

    @property
    def least_lead(self) -> float:
        """How far a candidate must be ahead of the text that stands, so that it is seldom worse."""
        ...

    def scores(self, sources: Sequence[str], pools: Sequence[Sequence[Candidate]]) -> list[list[float]]:
        """Return a score for each candidate of each source's pool, higher is better."""
        ...


class LinearScorer:
    """A `Scorer` by weights."""

    least_lead = 0.0

    def __init__(self, book: Dictionary, weights: Mapping[str, float] | None = None) -> None:
        """Take the dictionaries that features ask, and the weights; those that ship if ``None``."""
        self._book = book
        self._weights = shipped_weights() if weights is None else weights

    def scores(self, sources: Sequence[str], pools: Sequence[Sequence[Candidate]]) -> list[list[float]]:
        """Weigh each candidate's features."""
        return [
            [
                sum(self._weights.get(name, 0.0) * value for name, value in zip(FEATURES, row, strict=True))
                for row in features(source, pool, self._book)
            ]
            for source, pool in zip(sources, pools, strict=True)
        ]


@cache
def shipped_weights() -> Mapping[str, float]:
    """Return the weights that ship, fitted on Tux Paint's train side."""
    text = resources.files("passerelle.data").joinpath("choice.json").read_text(encoding="utf-8")
    weights: dict[str, float] = json.loads(text)["weights"]
    return weights


def features(source: str, pool: Sequence[Candidate], book: Dictionary) -> list[list[float]]:
    """Return the features of each candidate [candidates, len(FEATURES)], as differences to the pool's mean."""
    rows = [_features(source, place, pool, book) for place in range(len(pool))]
    means = [sum(column) / len(pool) for column in zip(*rows, strict=True)]
    return [[value - mean for value, mean in zip(row, means, strict=True)] for row in rows]


def _features(source: str, place: int, pool: Sequence[Candidate], book: Dictionary) -> list[float]:
    one = pool[place]
    words = [word.lower() for word in _WORD.findall(one.text)]
    licensed = _licensed(source, words, book)
    bare = one.text.rstrip(".!?… ").lower()
    core = re.sub(r"^(une?|le|la|les|des|l['’])\s*", "", bare)
    inner = [word for word in one.text.split()[1:] if word[:1].isupper()]
    composed = float(one.way == "composed")
    return [
        _mbr(place, pool),
        float(one.unknown),
        float(place == 0),
        float(one.way == "engine"),
        float(one.way == "fixed"),
        composed,
        float(one.way == "variant"),
        math.log1p(one.votes),
        one.share,
        math.log(one.makers),
        licensed,
        _share_known(words, book),
        float(book.is_word(core)),
        abs(math.log((len(one.text) + 3) / (1.15 * len(source) + 3))),
        composed * one.share,
        composed * licensed,
        float(len(inner)) * (source[1:] == source[1:].lower()),
    ]


def _mbr(place: int, pool: Sequence[Candidate]) -> float:
    """Mean chrF to the others, each counted as often as ways led to it, 0..1."""
    from passerelle.quality.evidence.chrf import sentence_chrf

    others = [(other.text, other.makers) for index, other in enumerate(pool) if index != place]
    total = sum(makers for _, makers in others)
    if not total:
        return 1.0
    return sum(makers * sentence_chrf(pool[place].text, text) for text, makers in others) / total / 100


def _licensed(source: str, words: Sequence[str], book: Dictionary) -> float:
    """Votes' share of the best translation that is there, averaged over the source's words that the book knows."""
    text = " ".join(words)
    shares = []
    for word in _WORD.findall(source.lower()):
        known = next((found for form in forms(word) if (found := book.weighed(form))), [])
        if len(word) > _SHORT - 1 and known:
            there = (votes for target, votes in known if _stem(target.lower()) in text)
            shares.append(max(there, default=0.0) / known[0][1])
    return sum(shares) / len(shares) if shares else 0.0


def _share_known(words: Sequence[str], book: Dictionary) -> float:
    long = [word for word in words if len(word) > _SHORT]
    return (
        sum(any(book.is_word(form) for form in (*forms(word), word[:-1])) for word in long) / len(long) if long else 1.0
    )


def _stem(word: str) -> str:
    return word[:-1] if len(word) > _SHORT + 1 else word
