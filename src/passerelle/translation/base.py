"""The contract of a translation engine, and a fake one for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable


@runtime_checkable
class Translator(Protocol):
    """Turns texts of one language into texts of another."""

    @property
    def source(self) -> str:
        """BCP-47 code of the language that it reads, for example ``en``."""
        ...

    @property
    def target(self) -> str:
        """BCP-47 code of the language that it writes, for example ``fr``."""
        ...

    @property
    def signature(self) -> str:
        """Engine, version and models: two translators with one signature give the same translations."""
        ...

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate each text by itself.

        Args:
            texts: Texts in the source language.

        Returns:
            One translation for each text, in the same order; an empty text stays empty.
        """
        ...


class Lost(NamedTuple):
    """Why a text has no translation.

    Attributes:
        reason: A code; `docs/reference/protection.md` lists them.
        detail: The same for people.
    """

    reason: str
    detail: str


def why_lost(engine: Translator, text: str) -> Lost | None:
    """Return why a text came back empty, of an engine that says so by a method `why_lost`; ``None`` of others."""
    known = getattr(engine, "why_lost", None)
    found: Lost | None = known(text) if known is not None else None
    return found


class FakeTranslator:
    """A deterministic translator without an engine, for tests.

    A text in `table` becomes its entry; any other becomes ``[fr] text`` with the target's code, so that a
    test sees where each output came from.

    Attributes:
        source: Source language.
        target: Target language.
        signature: ``fake 1`` unless told otherwise.
        received: Every text that it was given, in order.
    """

    def __init__(
        self,
        source: str = "en",
        target: str = "fr",
        table: Mapping[str, str] | None = None,
        signature: str = "fake 1",
    ) -> None:
        """Make a fake translator.

        Args:
            source: BCP-47 code of the source language.
            target: BCP-47 code of the target language.
            table: Translations that it knows.
            signature: What it calls itself.
        """
        self.source = source
        self.target = target
        self.signature = signature
        self.received: list[str] = []
        self._table = dict(table or {})

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate by the table, or mark the text with the target's code."""
        self.received.extend(texts)
        return [self._table.get(text, f"[{self.target}] {text}") if text else "" for text in texts]
