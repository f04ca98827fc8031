"""What a translation costs whoever has no memory of it: sentences, and the engine's own time for them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import cached_property

from passerelle.runs import cache_folder, content_hash, read_json, write_json
from passerelle.translation.base import Translator
from passerelle.translation.memory.memorized import MemorizedTranslator
from passerelle.translation.memory.memory import TranslationMemory

SAMPLE = 200
"""Most texts by which an engine's time is measured."""


class MeteredTranslator:
    """A memorized engine that keeps count of the different texts asked of it.

    Arms share one memory, so the clock would charge whoever comes first. The ledger charges each arm for all
    the sentences that it needs, at the engine's measured seconds a sentence.

    Args:
        engine: The engine.
        memory: Where its translations are kept.
    """

    def __init__(self, engine: Translator, memory: TranslationMemory) -> None:
        self.source, self.target, self.signature = engine.source, engine.target, engine.signature
        self._engine = engine
        self._memorized = MemorizedTranslator(engine, memory)
        self._asked: dict[str, None] = {}

    @property
    def charged(self) -> tuple[int, float]:
        """How many different texts were asked for so far, and their time at the engine's rate, less the clock's."""
        if not self._asked:
            return 0, 0.0
        return len(self._asked), len(self._asked) * self._seconds_per_sentence - self._memorized.seconds

    @cached_property
    def _seconds_per_sentence(self) -> float:
        if getattr(self._engine, "spent", None) is not None:  # asking again, to measure, would cost money
            made = self._memorized.translated
            return self._memorized.seconds / made if made else 0.0
        return seconds_per_sentence(self._engine, list(self._asked)[:SAMPLE])

    def by_people(self, texts: Iterable[str]) -> set[str]:
        """Tell which of some texts a person has translated."""
        return self._memorized.by_people(texts)

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate each text, in order, by memory or by the engine."""
        self._asked |= dict.fromkeys(text for text in texts if text)
        return self._memorized.translate(texts)


def seconds_per_sentence(engine: Translator, sample: Sequence[str]) -> float:
    """Return an engine's own time for a sentence: measured once on a sample, then known from the cache."""
    path = cache_folder() / "engines" / f"{content_hash([engine.signature, list(sample)])[:16]}.json"
    known = read_json(path)
    if known is None:
        engine.translate(sample[:1])
        start = time.perf_counter()
        engine.translate(sample)
        known = {"seconds_per_sentence": (time.perf_counter() - start) / max(1, len(sample))}
        write_json(path, {**known, "signature": engine.signature, "sentences": len(sample)})
    return float(known["seconds_per_sentence"])
