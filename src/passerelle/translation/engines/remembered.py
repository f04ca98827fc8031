"""Translation by the memory alone, without any engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from passerelle.languages.codes import language
from passerelle.translation.memory.protocol import Memory


class RememberedTranslator:
    """Answers with what the memory knows, whichever engine or person made it, and nothing else.

    A text that the memory doesn't know gets an empty translation. Whoever asks sees by that which texts are
    missing, and one unknown text doesn't spoil the batch; `SafeTranslator` rejects such texts.

    Attributes:
        source: BCP-47 code of the source language.
        target: BCP-47 code of the target language.
        only_remembers: Tells a `MemorizedTranslator` that there is nothing here to store.
        missing: Number of texts that the memory didn't know, repeats counted.
    """

    only_remembers = True

    def __init__(self, memory: Memory, source: str, target: str) -> None:
        """Answer from a memory.

        Args:
            memory: The memory.
            source: Any code or name of the source language.
            target: The same of the target language.
        """
        self.source, self.target = language(source).bcp47, language(target).bcp47
        self.missing = 0
        self._memory = memory

    @property
    def signature(self) -> str:
        """The memory and what it holds now: it changes with each write."""
        return f"memory {self._memory.state}"

    def by_people(self, texts: Iterable[str]) -> set[str]:
        """Tell which of some texts a person has translated."""
        return self._memory.by_people(texts, self.source, self.target)

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Look each text up; what isn't known is empty."""
        known = self._memory.lookup((text for text in texts if text.strip()), self.source, self.target, None)
        self.missing += sum(1 for text in texts if text.strip() and text not in known)
        blanks = {text: text for text in texts if not text.strip()}
        return [known[text].translation if text in known else blanks.get(text, "") for text in texts]
