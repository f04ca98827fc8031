"""A translation memory that counts what a run needs of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from passerelle.translation.dataset.distinct import DistinctTexts
from passerelle.translation.memory.memory import Remembered, Stored, TranslationMemory
from passerelle.translation.memory.whole_texts import Key, Whole, asked_digest
from passerelle.translation.protection.placeholders import probe_texts


@dataclass
class Needed:
    """What a run needed of memory and engine, each text once.

    Attributes:
        unique: Different texts that were asked for.
        from_memory: Those that the memory knew.
        translated: Those that an engine translated.
        characters_unknown: Characters of those that the memory didn't know.
        characters_translated: Characters of those that an engine translated.
    """

    unique: int = 0
    from_memory: int = 0
    translated: int = 0
    characters_unknown: int = 0
    characters_translated: int = 0


class CountedMemory(TranslationMemory):
    """A translation memory that counts.

    The sentences by which an engine is probed don't count: they are none of the data set.

    Attributes:
        needed: The counts so far.
        watch: Called whenever something was stored.
    """

    def __init__(self, path: Path, timeout_seconds: float = 60.0) -> None:
        self.needed = Needed()
        self.watch: Callable[[], None] = lambda: None
        self._asked = DistinctTexts()
        self._probe = frozenset(probe_texts())
        super().__init__(path, timeout_seconds)

    def lookup(
        self, texts: Iterable[str], source: str, target: str, signature: str | None, glossary: str = ""
    ) -> dict[str, Remembered]:
        """Find what is known of some texts."""
        wanted = list(dict.fromkeys(texts))
        known = super().lookup(wanted, source, target, signature, glossary)
        texts_by_digest = {asked_digest(signature, text): text for text in wanted if text not in self._probe}
        new = [texts_by_digest[digest] for digest in self._asked.take_new(texts_by_digest)]
        self.needed.unique += len(new)
        unknown = [text for text in new if text not in known]
        self.needed.from_memory += len(new) - len(unknown)
        self.needed.characters_unknown += sum(map(len, unknown))
        return known

    def store(self, translations: Iterable[tuple[str, str]], *place: Any, **named: Any) -> Stored:
        """Store some translations, as `TranslationMemory.store` does."""
        pairs = list(translations)
        stored = super().store(pairs, *place, **named)
        made = [text for text, _ in pairs if text not in self._probe]
        self.needed.translated += len(made)
        self.needed.characters_translated += sum(map(len, made))
        self.watch()
        return stored

    def recall(self, keys: Sequence[Key]) -> dict[Key, Whole]:
        """Find some whole texts; those that are known count as what was asked for them."""
        known = super().recall(keys)
        self.count_known(b"".join([whole.asked for whole in known.values()]))
        return known

    def count_known(self, asked: bytes) -> None:
        """Count what was asked for whole texts that are known, by its digests of eight bytes."""
        new = self._asked.count_new(asked)
        self.needed.unique += new
        self.needed.from_memory += new

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file, and forget what was asked."""
        super().__exit__(kind, error, trace)
        self._asked.close()
