"""What translators ask of a translation memory, wherever it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from passerelle.records import Origin
from passerelle.translation.memory import whole_texts
from passerelle.translation.memory.entries import Remembered, Stored


class Memory(Protocol):
    """What translators ask of a memory, wherever it is."""

    @property
    def state(self) -> str:
        """What the memory holds now, in a word."""
        ...

    def lookup(
        self, texts: Iterable[str], source: str, target: str, signature: str | None, glossary: str = ""
    ) -> dict[str, Remembered]:
        """Find what is known of some texts, as `TranslationMemory.lookup` does."""
        ...

    def by_people(self, texts: Iterable[str], source: str, target: str) -> set[str]:
        """Tell which texts a person has translated, as `TranslationMemory.by_people` does."""
        ...

    def store(
        self,
        translations: Iterable[tuple[str, str]],
        source: str,
        target: str,
        signature: str,
        origin: Origin,
        glossary: str = "",
    ) -> Stored:
        """Store some translations, as `TranslationMemory.store` does."""
        ...

    @property
    def corrections(self) -> int:
        """How often entries were corrected or replaced so far."""
        ...

    def recall(self, keys: Sequence[whole_texts.Key]) -> dict[whole_texts.Key, whole_texts.Whole]:
        """Find some whole texts, as `TranslationMemory.recall` does."""
        ...

    def keep(self, texts: Mapping[whole_texts.Key, whole_texts.Whole], corrections: int, rules: str) -> None:
        """Keep some whole texts, as `TranslationMemory.keep` does."""
        ...
