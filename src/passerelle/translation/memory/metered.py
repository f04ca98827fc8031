"""What a translation costs whoever has no memory of it: sentences, and the engine's own time for them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property

from passerelle.runs import cache_folder, content_hash, read_json, write_json
from passerelle.translation.base import Translator
from passerelle.translation.memory.memorized import MemorizedTranslator
from passerelle.translation.memory.memory import TranslationMemory


class MeteredTranslator:
    """A memorized engine that keeps count of the different texts asked of it.

    Arms share one memory, so the clock would charge whoever comes first. The ledger charges each arm for all
    the sentences that it needs, at the engine's measured seconds a sentence.

    Args:
        engine: The engine.
        memory: Where its translations are kept.
        sample: Texts by which the engine's time is measured, once; kept in the cache.
    """

    def __init__(self, engine: Translator, memory: TranslationMemory, sample: Sequence[str]) -> None:
        self.source, self.target, self.signature = engine.source, engine.target, engine.signature
        self._engine, self._sample = engine, sample
        self._memorized = MemorizedTranslator(engine, memory)
        self._asked: set[str] = set()
        self._counted = 0
        self._spent = 0.0

    @cached_property
    def seconds_per_sentence(self) -> float:
        """The engine's own time for a sentence, measured when it is first asked for."""
        return _measured(self._engine, self._sample)

    def start_count(self) -> None:
        """Begin to count anew."""
        self._asked.clear()
        self.since_last()

    def since_last(self) -> tuple[int, float]:
        """Return how many more different texts were asked for since the last call, and the engine's time since."""
        sentences, seconds = len(self._asked) - self._counted, self._memorized.seconds - self._spent
        self._counted, self._spent = len(self._asked), self._memorized.seconds
        return sentences, seconds

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate each text, in order, by memory or by the engine."""
        self._asked.update(text for text in texts if text)
        return self._memorized.translate(texts)


def _measured(engine: Translator, sample: Sequence[str]) -> float:
    path = cache_folder() / "engines" / f"{content_hash([engine.signature, list(sample)])[:16]}.json"
    known = read_json(path)
    if known is None:
        engine.translate(sample[:1])
        start = time.perf_counter()
        engine.translate(sample)
        known = {"seconds_per_sentence": (time.perf_counter() - start) / max(1, len(sample))}
        write_json(path, {**known, "signature": engine.signature, "sentences": len(sample)})
    return float(known["seconds_per_sentence"])
