"""A small language model of characters: interpolated n-grams (Witten & Bell, 10.1109/18.87000), counted in numpy.

An n-gram is kept as one whole number, eight bits for each character, so that a text's n-grams are looked up together.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ORDER = 5
"""Characters of the longest n-gram; five and their order fit into 64 bits."""

_BITS = 8
_FIRST = 2  # 0: nothing, 1: any character that the alphabet lacks
_MOST_CHARACTERS = 2**_BITS - _FIRST
_WORDS = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*'?")

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """How often n-grams occur: for each order 1..`ORDER` the n-grams, sorted, and their counts."""

    ngrams: tuple[Codes, ...]
    counts: tuple[Codes, ...]

    def __add__(self, other: Counts) -> Counts:
        """Add the counts of two texts."""
        merged = [
            _merge(np.concatenate(keys), np.concatenate(numbers))
            for keys, numbers in zip(
                zip(self.ngrams, other.ngrams, strict=True), zip(self.counts, other.counts, strict=True), strict=True
            )
        ]
        return Counts(tuple(keys for keys, _ in merged), tuple(numbers for _, numbers in merged))


def plain(text: str) -> str:
    """Write a text as the model reads it: words in lower case with single blanks around them, nothing else."""
    words = _WORDS.findall(unicodedata.normalize("NFC", text).lower().replace("’", "'"))
    return f" {' '.join(words)} " if words else ""


def alphabet_of(texts: Sequence[str]) -> str:
    """Return the characters of some texts that the model tells apart, the most frequent first."""
    letters = np.frombuffer("".join(map(plain, texts)).encode("utf-32-le"), dtype=np.uint32)
    characters, counts = np.unique(letters, return_counts=True)
    chosen = characters[np.argsort(-counts, kind="stable")][:_MOST_CHARACTERS]
    return "".join(map(chr, chosen.tolist()))


class Alphabet:
    """Turns texts into codes."""

    def __init__(self, characters: str) -> None:
        """Take the characters that have a code; all others share one."""
        self._codes = {character: code for code, character in enumerate(characters, _FIRST)}
        self.size = len(characters) + 1

    def encode(self, text: str) -> Codes:
        """Return the codes of a text as `plain` writes it."""
        return np.array([self._codes.get(character, 1) for character in plain(text)], dtype=np.int64)

    def encode_all(self, texts: Sequence[str]) -> tuple[Codes, Codes]:
        """Return the codes of all texts, zeros before each that no n-gram reaches over, and where each text begins."""
        encoded = [self.encode(text) for text in texts]
        gap = np.zeros(ORDER - 1, dtype=np.int64)
        joined = np.concatenate([part for codes in encoded for part in (gap, codes)] or [gap])
        lengths = np.array([len(codes) + ORDER - 1 for codes in encoded], dtype=np.int64)
        starts = np.cumsum(lengths) - lengths + ORDER - 1
        return joined, starts


def ngrams(codes: Codes, order: int) -> Codes:
    """Return for each place the n-gram that ends there; the missing characters of the first ones are 0."""
    found = np.zeros(len(codes), dtype=np.int64)
    for back in range(order):
        shifted = np.concatenate([np.zeros(back, dtype=np.int64), codes[: len(codes) - back]])
        found |= shifted << (_BITS * back)
    return found


def count(alphabet: Alphabet, texts: Sequence[str]) -> Counts:
    """Count the n-grams of some texts."""
    codes, _ = alphabet.encode_all(texts)
    keys, counts = [], []
    for order in range(1, ORDER + 1):
        found, numbers = np.unique(ngrams(codes, order)[codes > 0], return_counts=True)
        keys.append(found)
        counts.append(numbers.astype(np.int64))
    return Counts(tuple(keys), tuple(counts))


class CharacterModel:
    """Gives the log-probability of each character of a text after the ones before it."""

    def __init__(self, alphabet: Alphabet, counts: Counts) -> None:
        """Take counts and work out how often, and before how many different characters, each context occurs."""
        self._alphabet = alphabet
        self._counts = counts
        self._contexts = [_contexts(keys, numbers) for keys, numbers in zip(counts.ngrams, counts.counts, strict=True)]

    def log_probabilities(self, texts: Sequence[str]) -> list[Floats]:
        """Return for each text the natural log-probability of each of its characters, as `plain` writes them."""
        codes, starts = self._alphabet.encode_all(texts)
        probabilities = np.full(len(codes), 1.0 / (self._alphabet.size + 1))
        for order in range(1, ORDER + 1):
            found = ngrams(codes, order)
            seen = _look_up(self._counts.ngrams[order - 1], self._counts.counts[order - 1], found)
            keys, totals, kinds = self._contexts[order - 1]
            before = found >> _BITS
            total, kind = _look_up(keys, totals, before), _look_up(keys, kinds, before)
            known = total > 0
            mixed = (seen + kind * probabilities) / np.maximum(total + kind, 1)
            probabilities = np.where(known, mixed, probabilities)
        logs = np.log(probabilities)
        ends = [*(starts[1:] - (ORDER - 1)), len(codes)]
        return [logs[start:end] for start, end in zip(starts, ends, strict=True)]


def _merge(keys: Codes, numbers: Codes) -> tuple[Codes, Codes]:
    found, places = np.unique(keys, return_inverse=True)
    sums = np.zeros(len(found), dtype=np.int64)
    np.add.at(sums, places, numbers)
    return found, sums


def _contexts(keys: Codes, numbers: Codes) -> tuple[Codes, Codes, Codes]:
    """Return the contexts of n-grams: what stands before the last character, how often, and before how many."""
    # An n-gram's context is its higher bits, so sorted n-grams have sorted contexts.
    found, starts, kinds = np.unique(keys >> _BITS, return_index=True, return_counts=True)
    totals = np.add.reduceat(numbers, starts) if len(starts) else numbers
    return found, totals, kinds.astype(np.int64)


def _look_up(keys: Codes, numbers: Codes, wanted: Codes) -> Codes:
    """Return the number of each wanted key, 0 where there is none; keys are sorted."""
    if not len(keys):
        return np.zeros(len(wanted), dtype=np.int64)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, numbers[places], 0)
