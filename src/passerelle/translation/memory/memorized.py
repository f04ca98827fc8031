"""An engine behind the translation memory: it's asked only for what the memory doesn't know."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from passerelle.costs.clocks import Stopwatch, Took, on_device
from passerelle.errors import EngineStopped
from passerelle.translation.base import Lost, Translator, why_lost
from passerelle.translation.memory.protocol import Memory

# An engine that sorts texts by length gains by larger batches: as many texts as it does in about this time.
_BATCH_SECONDS = 10.0
_LARGEST_BATCH = 4096


class MemorizedTranslator:
    """A translator that asks its engine only for texts that the memory doesn't know.

    Attributes:
        source: The engine's source language.
        target: The engine's target language.
        signature: The engine's signature.
        translated: Number of texts that the engine translated.
        characters_translated: Theirs.
        from_memory: Number of texts that the memory knew. Repeated texts count once for each call, empty
            ones never.
        took: What the engine took.
        before_asked: Called before the engine is asked.
    """

    def __init__(self, translator: Translator, memory: Memory, batch_size: int = 256, glossary: str = "") -> None:
        """Put a memory before an engine.

        Args:
            translator: The engine.
            memory: Where its translations are kept.
            batch_size: Texts to translate before they are stored; a killed process loses at most one batch, or the
                requests under way of an engine that can `tell`. For an engine that says `gains_by_large_batches`,
                batches grow from there as long as they take few seconds.
            glossary: Digest of the glossary that the texts were prepared with.
        """
        self._translator = translator
        self._memory = memory
        self._batch_size = batch_size
        self._glossary = glossary
        self.source, self.target, self.signature = translator.source, translator.target, translator.signature
        self.translated = self.characters_translated = 0
        self.from_memory = 0
        self.took = Took()
        self.before_asked: Callable[[], None] = lambda: None

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate each text, by memory or by the engine.

        An empty answer to a text that isn't empty says that the engine couldn't translate it. It is handed
        on, but not remembered.

        Args:
            texts: Texts in the source language.

        Returns:
            One translation for each text, in the same order.

        Raises:
            EngineStopped: The engine can't go on; what it did before is in the memory.
            StorageError: The memory can't be read or written.
        """
        wanted = [text for text in dict.fromkeys(texts) if text]
        known = self._memory.lookup(wanted, self.source, self.target, self.signature, self._glossary)
        translations = {text: remembered.translation for text, remembered in known.items()}
        self.from_memory += len(translations)
        missing = [text for text in wanted if text not in translations]
        while missing:
            batch, missing = missing[: self._batch_size], missing[self._batch_size :]
            began = time.perf_counter()
            translations.update(self._ask(batch))
            self._adapt(len(batch), time.perf_counter() - began)
        return [translations[text] if text else "" for text in texts]

    def by_people(self, texts: Iterable[str]) -> set[str]:
        """Tell which of some texts a person has translated; none of them is counted."""
        return self._memory.by_people(texts, self.source, self.target)

    def why_lost(self, text: str) -> Lost | None:
        """Return why a text came back empty, where the engine says so."""
        return why_lost(self._translator, text)

    def _ask(self, batch: list[str]) -> dict[str, str]:
        self.before_asked()
        tell = getattr(self._translator, "tell", None)
        if tell is not None:  # each reply is paid, and a killed process can't remember it later
            tell(self._store)
        watch = Stopwatch()
        try:
            with on_device():
                answers = dict(zip(batch, self._translator.translate(batch), strict=True))
        except EngineStopped as stopped:
            self._remember(stopped.translations)
            raise
        finally:
            self.took = self.took + watch.took()
        self._remember(answers)
        return answers

    def _adapt(self, texts: int, seconds: float) -> None:
        """Choose the next batch by the time that a full one took."""
        if texts == self._batch_size and getattr(self._translator, "gains_by_large_batches", False):
            fitting = int(texts * _BATCH_SECONDS / max(seconds, 1e-3))
            self._batch_size = max(texts // 2, min(4 * texts, fitting, _LARGEST_BATCH), 1)

    def _remember(self, answers: dict[str, str]) -> None:
        self.translated += len(answers)
        self.characters_translated += sum(map(len, answers))
        # What an engine knows from a memory isn't its own work.
        if not getattr(self._translator, "only_remembers", False):
            self._store(answers)

    def _store(self, answers: dict[str, str]) -> None:
        made = [(text, answer) for text, answer in answers.items() if answer]
        self._memory.store(made, self.source, self.target, self.signature, "machine", self._glossary)
