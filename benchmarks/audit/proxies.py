"""Figures that stand for a reader's verdict where there is only one human translation to compare with."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

from passerelle.quality.evidence.chrf import sentence_chrf

_WORD = re.compile(r"\w+")


@cache
def _chrf_plus_plus() -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(word_order=2)


def plain(text: str) -> str:
    """Return a text in small letters, without accents and marks."""
    letters = unicodedata.normalize("NFKD", text.lower())
    return " ".join(_WORD.findall("".join(one for one in letters if not unicodedata.combining(one))))


def chrf_plus_plus(text: str, reference: str) -> float:
    """Return sentence chrF++ (Popović 2017), 0..100."""
    return float(_chrf_plus_plus().sentence_score(text, [reference]).score)


def plain_chrf(text: str, reference: str) -> float:
    """Return chrF without case, accents and marks, 0..100."""
    return sentence_chrf(plain(text), plain(reference))


def word_f1(text: str, reference: str) -> float:
    """Return the F1 of words, without case, accents and marks, 0..100."""
    one, other = (Counter(plain(side).split()) for side in (text, reference))
    both = (one & other).total()
    return 200 * both / (one.total() + other.total()) if both else 0.0


def exact(text: str, reference: str) -> float:
    """Return 100 where the texts are one but for case, accents and marks."""
    return 100.0 * (plain(text) == plain(reference))


PROXIES: dict[str, Callable[[str, str], float]] = {
    "chrf": sentence_chrf,
    "chrf++": chrf_plus_plus,
    "plain-chrf": plain_chrf,
    "word-f1": word_f1,
    "exact": exact,
}
