"""An engine into English and back, with what its work costs whoever has no memory of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from passerelle.config import Settings
from passerelle.runs import cache_folder
from passerelle.translation.base import Translator
from passerelle.translation.engines.registry import make_engine
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.memory.metered import MeteredTranslator
from passerelle.translation.protection.safe import SafeTranslator

ENGLISH = "en"


class TranslationSettings(Settings):
    """Which engine translates, wherever a comparison or a pipeline does.

    Attributes:
        engine: As `passerelle translate --engine` takes it.
        options: The engine's options.
        into_english: The engine of the other direction, for a pipeline [the same].
        fallback: The engine for what the first can't do, in data sets.
        glossary: CSV file of terms, in data sets.
        phrasebook: TOML file of sentences that are known, before those that ship, in data sets.
        memory: File of the translation memory [one in the cache, apart from that of `passerelle translate`: what people
            import there would pass for the engine's work].
    """

    engine: str = Field(default="apertium", min_length=1)
    options: dict[str, Any] = {}
    into_english: str = ""
    fallback: str = ""
    glossary: Path | None = None
    phrasebook: Path | None = None
    memory: Path | None = None

    @property
    def memory_file(self) -> Path:
        """The file of the translation memory."""
        return self.memory or cache_folder() / "comparison-translations.sqlite"


@dataclass(frozen=True)
class BothWays:
    """Both directions of a pipeline.

    Attributes:
        forward: From English.
        backward: Into English.
    """

    forward: MeteredTranslator
    backward: MeteredTranslator

    @classmethod
    def open(cls, settings: TranslationSettings, language: str) -> BothWays:
        """Open both directions.

        Args:
            settings: The engines.
            language: BCP-47 code of the other language.

        Raises:
            ConfigError: Unknown engine or option.
            MissingDependency: An engine, or a pair of it, isn't installed; says what to type.
        """
        memory = TranslationMemory(settings.memory_file)
        back = settings.into_english or settings.engine
        same = back == settings.engine
        return cls(
            MeteredTranslator(make_engine(settings.engine, ENGLISH, language, **settings.options), memory),
            MeteredTranslator(make_engine(back, language, ENGLISH, **(settings.options if same else {})), memory),
        )

    @property
    def signature(self) -> str:
        """Engine, pairs and versions of both directions."""
        return f"{self.forward.signature}; {self.backward.signature}"

    @property
    def charged(self) -> tuple[int, float]:
        """Sentences asked for so far, each different one once, and what their translation takes beyond the clock.

        The clock's share, the time that the engines really took for what wasn't in the memory, is taken out.
        """
        spent = [engine.charged for engine in (self.forward, self.backward)]
        return sum(sentences for sentences, _ in spent), sum(seconds for _, seconds in spent)


class KeptWhole:
    """An engine whose translations keep letters, numbers and marks; what can't be kept whole is the engine's own.

    Attributes:
        source: Language that it reads.
        target: Language that it writes.
        signature: The engine's.
    """

    def __init__(self, engine: Translator) -> None:
        self.source, self.target, self.signature = engine.source, engine.target, engine.signature
        self._engine, self._safe = engine, SafeTranslator(engine)

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate each text by itself."""
        outcomes = self._safe.translate(texts)
        failed = [text for text, outcome in zip(texts, outcomes, strict=True) if outcome.text is None]
        plain = dict(zip(failed, self._engine.translate(failed), strict=True)) if failed else {}
        return [plain[t] if o.text is None else o.text for t, o in zip(texts, outcomes, strict=True)]
