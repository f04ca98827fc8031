"""CIDEr-D (Vedantam et al., 1411.5726): how like the references a caption is, by n-grams that tell pictures apart.

The formula is that of `pycocoevalcap` (whose CIDEr is CIDEr-D): n-grams up to 4, tf-idf over the references of all
pictures, counts clipped at the reference's, a Gaussian penalty of the difference in length with sigma 6, times 10.
Figures are in percent of that here: a corpus score of 1.0 is shown as 100. In a bootstrap, idf stays that of the
whole test.

The tokeniser is this project's, since the usual one is a Java program for English: words of letters and digits in lower
case, elisions apart, punctuation away, Chinese, Japanese and Thai by character.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np

from passerelle.errors import InputError
from passerelle.evaluation.statistics.significance import FloatArray

ORDERS = 4
SIGMA = 6.0
TOKENISER = "words-1"
_TOKEN = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|[^\W_]+(?:-[^\W_]+)*'?")

_Counts = Counter[tuple[str, ...]]
_Vector = dict[tuple[str, ...], float]


def tokens_of(caption: str) -> list[str]:
    """Split a caption into words; an elision keeps its apostrophe: ``l'``, ``homme``."""
    text = unicodedata.normalize("NFC", caption).lower().replace("’", "'")
    return _TOKEN.findall(text)


def cider_d(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> FloatArray:
    """Score each caption against its references [captions], 1.0 for about the agreement of people.

    Args:
        hypotheses: One caption a picture.
        references: Its references; at least one.

    Raises:
        InputError: There isn't a list of references for each caption, or one is empty.
    """
    if len(hypotheses) != len(references) or not all(references):
        raise InputError(f"{len(hypotheses)} captions against {len(references)} lists of references, none may be empty")
    said = [_ngrams(text) for text in hypotheses]
    wanted = [[_ngrams(text) for text in texts] for texts in references]
    frequency: _Counts = Counter(ngram for texts in wanted for ngram in {n for counts in texts for n in counts})
    pictures = math.log(len(references)) if references else 0.0
    scores = []
    for counts, texts in zip(said, wanted, strict=True):
        vectors = _vectors(counts, frequency, pictures)
        similar = [_similarity(counts, vectors, text, _vectors(text, frequency, pictures)) for text in texts]
        scores.append(float(np.mean(similar)))
    return np.array(scores, dtype=np.float64)


def _ngrams(text: str) -> _Counts:
    words = tokens_of(text)
    return Counter(tuple(words[i : i + n]) for n in range(1, ORDERS + 1) for i in range(len(words) - n + 1))


def _vectors(counts: _Counts, frequency: _Counts, pictures: float) -> list[_Vector]:
    vectors: list[_Vector] = [{} for _ in range(ORDERS)]
    for ngram, count in counts.items():
        vectors[len(ngram) - 1][ngram] = count * (pictures - math.log(max(1.0, frequency[ngram])))
    return vectors


def _similarity(said: _Counts, vectors: list[_Vector], wanted: _Counts, others: list[_Vector]) -> float:
    # The length is counted in pairs of words, as in pycocoevalcap.
    delta = _pairs(said) - _pairs(wanted)
    total = 0.0
    for own, other in zip(vectors, others, strict=True):
        dot = sum(min(value, other.get(ngram, 0.0)) * other.get(ngram, 0.0) for ngram, value in own.items())
        norms = math.sqrt(sum(v * v for v in own.values())) * math.sqrt(sum(v * v for v in other.values()))
        total += dot / norms if norms else dot
    return 10.0 * total / ORDERS * math.exp(-(delta**2) / (2 * SIGMA**2))


def _pairs(counts: _Counts) -> int:
    return sum(count for ngram, count in counts.items() if len(ngram) == 2)
