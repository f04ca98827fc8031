"""What the memory knows of whole texts, for one engine and its settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from passerelle.translation.memory.protocol import Memory
from passerelle.translation.memory.whole_texts import Key, Whole, rules, settings_digest, text_key
from passerelle.translation.protection.options import Options


class RowText(NamedTuple):
    """A text to translate, with the options of its row if it has some."""

    text: str
    options: Options | None = None


class KnownTexts:
    """Finds whole texts in a memory, and keeps new ones there."""

    def __init__(self, memory: Memory, settings: Sequence[str], *, keeps: bool = True) -> None:
        """Take the memory.

        Args:
            memory: The memory.
            settings: All that translations hang on, beside the text: languages, signatures, glossary.
            keeps: Whether new texts are kept.
        """
        self._memory, self._keeps = memory, keeps
        self._settings = settings_digest(settings)

    def corrections(self) -> int:
        """Return how often entries of the memory were corrected: to be asked before any of them is looked up."""
        return self._memory.corrections

    def find(self, texts: Sequence[RowText]) -> dict[RowText, Whole]:
        """Find texts that were translated and checked before."""
        keys = {text: self._key(text) for text in texts}
        known = self._memory.recall(list(dict.fromkeys(keys.values()))) if keys else {}
        return {text: known[key] for text, key in keys.items() if key in known} if known else {}

    def keep(self, texts: Mapping[RowText, Whole], corrections: int) -> None:
        """Keep texts that were translated and checked, unless an entry was corrected since `corrections`."""
        if texts and self._keeps:
            self._memory.keep({self._key(text): whole for text, whole in texts.items()}, corrections, rules())

    def _key(self, asked: RowText) -> Key:
        text, options = asked
        return text_key(self._settings, text) if options is None else text_key(self._settings, text, options.digest)
