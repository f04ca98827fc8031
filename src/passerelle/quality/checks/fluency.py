"""Check ``fluency``: does the translation look like the language, to a model of its characters?"""

from __future__ import annotations

import bisect
import functools
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from passerelle.example.splits import digest
from passerelle.quality.base import UNKNOWN, Finding, Pair
from passerelle.quality.checks.direction import Direction
from passerelle.quality.estimate.deviation import plausibility
from passerelle.quality.evidence.characters import (
    ORDER,
    Alphabet,
    CharacterModel,
    Counts,
    Floats,
    alphabet_of,
    count,
    plain,
)
from passerelle.quality.evidence.derived import derived
from passerelle.quality.evidence.fluency_text import (
    FEWEST,
    FOLDS,
    TrainingText,
    fold,
    read_training_text,
    training_files,
)
from passerelle.runs import cache_folder, content_hash, write_atomically

VERSION = "fluency 1"
_LENGTHS = (8, 13, 19, 27)
"""Letters and blanks at which texts begin to be compared with longer ones: quarters of short captions, and more."""
_DEVIATIONS_AT_5_PERCENT = 1.645
_WORTH_SAYING = 0.1  # a score above it has no reason: one in four of people's own captions is below 0.5


@dataclass(frozen=True)
class Usual:
    """What held-out human text gets: the median over texts, and the distance down to the 5th percentile.

    The distance is given as the standard deviation of the normal distribution that has it. The lower half alone is
    measured, as only lower figures speak against a text.
    """

    mean: float
    spread: float
    worst_mean: float
    worst_spread: float


class FluencyModel:
    """A language's character models: one for each fold, which hasn't read that fold.

    Attributes:
        name: Hash of what it was trained on.
    """

    def __init__(
        self, name: str, alphabet: str, words: Counts, folds: Sequence[Counts], usual: Sequence[Usual]
    ) -> None:
        self.name = name
        self._alphabet, self._words, self._folds = alphabet, words, list(folds)
        self._models: dict[int, CharacterModel] = {}
        self._usual = list(usual)

    def usual(self, text: str) -> Usual:
        """Return what people's texts of about this length get: few letters say little for sure."""
        return self._usual[_size(len(plain(text)))]

    def measure(self, texts: Sequence[str], number: int) -> list[tuple[float, float, str]]:
        """Score texts by the model that hasn't read fold `number`.

        Returns:
            For each text the mean log-probability per character, that of its worst word, and that word; the word is
            empty, and the figures NaN, for a blank text.
        """
        if number not in self._models:
            others = [counts for other, counts in enumerate(self._folds) if other != number]
            self._models[number] = CharacterModel(
                Alphabet(self._alphabet), functools.reduce(Counts.__add__, others, self._words)
            )
        logs = self._models[number].log_probabilities(texts)
        return [_summed(plain(text), found) for text, found in zip(texts, logs, strict=True)]

    def save(self, path: Path) -> None:
        """Write the counts, without pickle."""
        arrays = {}
        for name, counts in [("words", self._words), *((f"fold{i}", c) for i, c in enumerate(self._folds))]:
            for order, (keys, numbers) in enumerate(zip(counts.ngrams, counts.counts, strict=True), 1):
                arrays[f"{name} keys {order}"], arrays[f"{name} counts {order}"] = keys, numbers
        about = {"alphabet": self._alphabet, "usual": [vars(usual) for usual in self._usual], "name": self.name}
        arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        write_atomically(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> FluencyModel | None:
        """Read a saved model; ``None`` if the file is missing or broken, so that it is trained again."""
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
                about = json.loads(arrays["about"].tobytes())
                names = ["words", *(f"fold{number}" for number in range(FOLDS))]
                words, *folds = [
                    Counts(
                        tuple(arrays[f"{name} keys {order}"] for order in range(1, ORDER + 1)),
                        tuple(arrays[f"{name} counts {order}"] for order in range(1, ORDER + 1)),
                    )
                    for name in names
                ]
                return cls(about["name"], about["alphabet"], words, folds, [Usual(**usual) for usual in about["usual"]])
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None


def train(text: TrainingText, name: str = "") -> FluencyModel:
    """Count a training text, and measure what each fold gets from the others."""
    characters = alphabet_of([*text.words, *(line for part in text.folds for line in part)])
    alphabet = Alphabet(characters)
    counts = [count(alphabet, part) for part in text.folds]
    model = FluencyModel(name, characters, count(alphabet, text.words), counts, ())
    scored = [found for number, part in enumerate(text.folds) for found in model.measure(part, number)]
    lengths = [len(plain(line)) for part in text.folds for line in part]
    sized: dict[int, list[tuple[float, float, str]]] = {number: [] for number in range(len(_LENGTHS) + 1)}
    for length, row in zip(lengths, scored, strict=True):
        sized[_size(length)].append(row)
    model._usual = [_usual(rows if len(rows) >= FEWEST // 4 else scored) for rows in sized.values()]
    return model


def _size(length: int) -> int:
    return bisect.bisect_right(_LENGTHS, length)


def _usual(rows: Sequence[tuple[float, float, str]]) -> Usual:
    means = _middle_and_spread([mean for mean, _, _ in rows])
    worst = _middle_and_spread([least for _, least, _ in rows])
    return Usual(*means, *worst)


def _middle_and_spread(figures: Sequence[float]) -> tuple[float, float]:
    low, middle = np.nanquantile(np.array(figures), [0.05, 0.5])
    return float(middle), float(middle - low) / _DEVIATIONS_AT_5_PERCENT


@functools.lru_cache(maxsize=8)
def open_model(language: str, folder: Path) -> FluencyModel | None:
    """Return a language's model, trained at first and then read from the cache.

    Args:
        language: BCP-47 code.
        folder: The cache folder.

    Returns:
        ``None`` where the machine has too little text of the language.

    Raises:
        StorageError: The cache can't be written.
    """
    name = derived(f"fluency-{language}", training_files(language), lambda: _name(language), VERSION, ORDER, digest())
    if not name:
        return None
    path = folder / "fluency" / f"{language}-{name}.npz"
    model = FluencyModel.load(path)
    text = read_training_text(language) if model is None else None
    if text is not None:
        model = train(text, name)
        model.save(path)
    return model


def _name(language: str) -> str:
    """Return the hash of what a language's model is trained on, which takes seconds to read; empty without text."""
    text = read_training_text(language)
    return content_hash([VERSION, ORDER, text.words, text.folds])[:16] if text else ""


class FluencyCheck:
    """Compares the text's probability per character, and its worst word's, with what people's texts get."""

    name = "fluency"

    def __init__(self, source: str, target: str) -> None:
        self._direction = Direction.of(source, target)
        self._model = open_model(self._direction.target, cache_folder())
        self.signature = f"{VERSION} {self._direction} {self._model.name if self._model else 'none'}"

    def assess(self, pairs: Sequence[Pair]) -> list[Finding]:
        """Assess each pair by itself; `UNKNOWN` where the machine has no text to learn the language from."""
        findings = [UNKNOWN] * len(pairs)
        if self._model is None:
            return findings
        parts: dict[int, list[int]] = {}
        for row, pair in enumerate(pairs):
            if self._direction.is_of(pair):
                parts.setdefault(fold(pair.source), []).append(row)
        for number, rows in parts.items():
            scored = self._model.measure([pairs[row].target for row in rows], number)
            for row, (mean, worst, word) in zip(rows, scored, strict=True):
                findings[row] = _finding(self._model.usual(pairs[row].target), mean, worst, word)
        return findings


def _finding(usual: Usual, mean: float, worst: float, word: str) -> Finding:
    if not word:
        return UNKNOWN
    whole, least = (mean - usual.mean) / usual.spread, (worst - usual.worst_mean) / usual.worst_spread
    values = {"mean": mean, "deviations": whole, "worst": least}
    score = min(plausibility(min(0.0, whole)), plausibility(min(0.0, least)))
    if score > _WORTH_SAYING:
        return Finding(score, values=values)
    if least < whole:
        return Finding(score, f"{word!r} doesn't look like the language", "grammar", values)
    return Finding(score, "the wording is unusual in the language", "grammar", values)


def _summed(text: str, logs: Floats) -> tuple[float, float, str]:
    if not text:
        return float("nan"), float("nan"), ""
    # The first blank is there for every text. A word counts with the blank behind it.
    blanks = [place for place, character in enumerate(text) if character == " "]
    words = [(float(logs[a + 1 : b + 1].mean()), text[a + 1 : b]) for a, b in pairwise(blanks)]
    worst, word = min(words)
    return float(logs[1:].mean()), worst, word
