"""An engine into English and one back, with what their work costs whoever has no memory of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from passerelle.config import Settings, merge, parse_settings
from passerelle.costs.ledger import Charge
from passerelle.runs import cache_folder
from passerelle.translation.lent import LentEngine
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.memory.metered import ChargedTexts, MeteredTranslator
from passerelle.translation.protection.safe import SafeTranslator

ENGLISH = "en"


class EngineSettings(Settings):
    """An engine; its specification alone may stand for it.

    Attributes:
        engine: As `passerelle translate --engine` takes it.
        options: The engine's options.
    """

    engine: str = Field(min_length=1)
    options: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        return {"engine": given} if isinstance(given, str) else given


class TranslationSettings(EngineSettings):
    """Which engines translate, wherever a comparison or a pipeline does.

    Attributes:
        engine: As `passerelle translate --engine` takes it.
        options: The engine's options.
        into: Another engine for what a pipeline asks, into English [engine].
        back: Another engine for what a pipeline answers, from English [engine].
        fallback: The engine for what the first can't do, in data sets.
        glossary: CSV file of terms, in data sets.
        phrasebook: TOML file of sentences that are known, before those that ship, in data sets.
        memory: File of the translation memory [one in the cache, apart from that of `passerelle translate`: what people
            import there would pass for the engine's work].
    """

    engine: str = Field(default="apertium", min_length=1)
    into: EngineSettings | None = None
    back: EngineSettings | None = None
    fallback: str = ""
    glossary: Path | None = None
    phrasebook: Path | None = None
    memory: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_this_version(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "into_english" not in given:
            return given
        if given["into_english"]:
            raise ValueError(f"into_english is now into: write into: {given['into_english']}")
        return {key: value for key, value in given.items() if key != "into_english"}

    @property
    def memory_file(self) -> Path:
        """The file of the translation memory."""
        return self.memory or cache_folder() / "comparison-translations.sqlite"

    @property
    def both(self) -> tuple[EngineSettings, EngineSettings]:
        """A pipeline's engines: into English, and back."""
        usual = EngineSettings(engine=self.engine, options=self.options)
        return self.into or usual, self.back or usual

    @property
    def label(self) -> str:
        """A pipeline's engines, for a reader."""
        into, back = (_short(way.engine) for way in self.both)
        return into if into == back else f"{into} into English, {back} back"

    def changed(self, own: Any, where: str) -> TranslationSettings:
        """Return these settings with a pipeline's own put in.

        One that names an engine takes it both ways, unless it names another for one of them: options and ways given
        here are those of another engine.

        Args:
            own: Its own settings, as a file has them; an engine's specification alone will do.
            where: Names their place in errors.

        Raises:
            ConfigError: An unknown key, or a value out of range.
        """
        if isinstance(own, str):
            own = {"engine": own}
        if not isinstance(own, dict):
            return parse_settings(TranslationSettings, own, where)
        given = self.model_dump(exclude_unset=True)
        gone = {"engine", "options", "into", "back"} if "engine" in own else own.keys() & {"into", "back"}
        kept = {key: value for key, value in given.items() if key not in gone}
        return parse_settings(TranslationSettings, merge(kept, own), where)


def _short(engine: str) -> str:
    """Return an engine's specification without the folders and the host in it."""
    name, colon, place = engine.partition(":")
    return name + colon + Path(place.partition("@http")[0]).name


def lent_engines(
    settings: TranslationSettings, language: str, memory: TranslationMemory
) -> tuple[LentEngine, LentEngine]:
    """Return a pipeline's engines, into English and back; neither is opened yet."""
    into, back = settings.both
    return (
        LentEngine(into.engine, into.options, language, ENGLISH, memory),
        LentEngine(back.engine, back.options, ENGLISH, language, memory),
    )


def signature_of(settings: TranslationSettings, language: str) -> str:
    """Return engine, pair and version of both directions; engines are opened only where they aren't known yet.

    Raises:
        ConfigError: Unknown engine or option.
        MissingDependency: An engine, or a pair of it, isn't installed; says what to type.
    """
    return _signature(lent_engines(settings, language, TranslationMemory(settings.memory_file)))


def _signature(ways: Iterable[LentEngine | KeptWhole]) -> str:
    return "; ".join(f"{way.source}>{way.target} {way.signature}" for way in ways)


@dataclass(frozen=True)
class BothWays:
    """Both directions of a pipeline.

    Attributes:
        into: Into English.
        back: From English.
    """

    into: KeptWhole
    back: KeptWhole

    @classmethod
    def open(cls, settings: TranslationSettings, language: str, charged_texts: ChargedTexts | None = None) -> BothWays:
        """Open both directions.

        Args:
            settings: The engines.
            language: BCP-47 code of the other language.
            charged_texts: What was charged before isn't charged again.

        Raises:
            ConfigError: Unknown engine or option.
            MissingDependency: An engine, or a pair of it, isn't installed; says what to type.
        """
        memory = TranslationMemory(settings.memory_file)
        texts = charged_texts or ChargedTexts()
        into, back = (
            KeptWhole(MeteredTranslator(engine, memory, texts)) for engine in lent_engines(settings, language, memory)
        )
        return cls(into, back)

    @property
    def signature(self) -> str:
        """Engine, pair and version of both directions."""
        return _signature((self.into, self.back))

    @property
    def charged(self) -> Charge:
        """What was asked for so far, each different text once.

        The clock's share of the seconds, the time that the engines really took for what wasn't in the memory, is taken
        out.
        """
        return self.into.charged + self.back.charged


class KeptWhole:
    """An engine whose translations keep letters, numbers and marks.

    What can't be kept whole is as the engine has it; what the engine can't translate at all stays as it is, and is
    counted.

    Attributes:
        source: Language that it reads.
        target: Language that it writes.
        signature: The engine's.
    """

    def __init__(self, engine: MeteredTranslator) -> None:
        self.source, self.target, self.signature = engine.source, engine.target, engine.signature
        self._engine, self._safe = engine, SafeTranslator(engine)
        self._untranslated: set[str] = set()

    @property
    def charged(self) -> Charge:
        """What was asked for so far."""
        return self._engine.charged + Charge(untranslated=len(self._untranslated))

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate each text by itself."""
        outcomes = self._safe.translate(texts)
        failed = [text for text, outcome in zip(texts, outcomes, strict=True) if outcome.text is None]
        plain = self._as_the_engine_has_it(failed) if failed else {}
        return [plain[t] if o.text is None else o.text for t, o in zip(texts, outcomes, strict=True)]

    def _as_the_engine_has_it(self, texts: Sequence[str]) -> Mapping[str, str]:
        found = dict(zip(texts, self._engine.translate(texts), strict=True))
        empty = {text for text, translation in found.items() if not translation.strip()}
        self._untranslated |= {text for text in empty if self._engine.charges(text)}
        return {text: translation if translation.strip() else text for text, translation in found.items()}
