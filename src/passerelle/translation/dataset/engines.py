"""The engines of a job: the real ones, each behind the memory, and the checks around both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from passerelle.errors import ConfigError
from passerelle.languages.phrasebook import Phrasebook
from passerelle.translation.base import Translator
from passerelle.translation.dataset.job import Job
from passerelle.translation.engines.registry import MEMORY, open_engine
from passerelle.translation.engines.remembered import RememberedTranslator
from passerelle.translation.memory.known_texts import KnownTexts
from passerelle.translation.memory.memorized import MemorizedTranslator
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.memory.protocol import Memory
from passerelle.translation.protection.glossary import Glossary
from passerelle.translation.protection.safe import SafeTranslator


@dataclass
class Engines:
    """A job's engines.

    Attributes:
        engine: The engine itself.
        memorized: The same behind the memory.
        fallback: The engine for what the first can't do.
        safe: What translates the texts of rows.
        asking: All that asks an engine.
        phrasebook: Sentences that are known.
    """

    engine: Translator
    memorized: Translator
    fallback: Translator | None
    safe: SafeTranslator
    asking: tuple[MemorizedTranslator, ...]
    phrasebook: Phrasebook

    @property
    def spent(self) -> Any | None:
        """What the engine has cost so far; ``None`` for one that costs nothing."""
        return getattr(self.engine, "spent", None)

    def get_ready(self, memory: TranslationMemory) -> None:
        """Start the programs of an engine that will surely be asked, since the memory knows nothing by it.

        Raises:
            RunError: They can't be started.
        """
        start = getattr(self.engine, "start", None)
        if start is not None and not memory.knows_work_of(
            self.engine.source, self.engine.target, self.engine.signature
        ):
            start()

    def close(self) -> None:
        """End what the engines keep running."""
        for engine in (self.engine, self.fallback):
            close = getattr(engine, "close", None)
            if close is not None:
                close()


def open_engines(job: Job, memory: Memory, glossary: Glossary | None) -> Engines:
    """Open the engines of a job.

    Raises:
        ConfigError: Unknown engine, option or language; something is missing in a specification.
        InputError: A model can't be loaded.
        MissingDependency: A program, a package or a file is missing; the message says how to get it.
    """
    engine = _open(job.engine, job, memory, job.engine_options)
    fallback = _open(job.fallback, job, memory, {}) if job.fallback else None
    memorized = _memorized(engine, memory, glossary)
    second = None if fallback is None else _memorized(fallback, memory, glossary)
    phrasebook = job.open_phrasebook()
    known = known_texts(engine, fallback, memory, glossary, phrasebook)
    safe = SafeTranslator(memorized, glossary=glossary, fallback=second, texts=known, phrasebook=phrasebook)
    asking = tuple(each for each in (memorized, second) if isinstance(each, MemorizedTranslator))
    return Engines(engine, memorized, fallback, safe, asking, phrasebook)


def known_texts(
    engine: Translator,
    fallback: Translator | None,
    memory: Memory,
    glossary: Glossary | None,
    phrasebook: Phrasebook,
    *,
    keeps: bool = True,
) -> KnownTexts | None:
    """Return what finds whole texts in the memory; ``None`` for an engine whose answers change with each new entry."""
    settings = known_by(engine, fallback, glossary, phrasebook)
    return None if settings is None else KnownTexts(memory, settings, keeps=keeps)


def known_by(
    engine: Translator, fallback: Translator | None, glossary: Glossary | None, phrasebook: Phrasebook
) -> tuple[str, ...] | None:
    """Return the settings that whole texts are known by in the memory; ``None`` as `known_texts`."""
    if isinstance(engine, RememberedTranslator) or isinstance(fallback, RememberedTranslator):
        return None
    used = (engine.source, engine.target, engine.signature)
    other = "" if fallback is None else fallback.signature
    terms = "" if glossary is None else glossary.digest
    return (*used, other, terms, phrasebook.digest)


def _open(spec: str, job: Job, memory: Memory, options: Mapping[str, Any]) -> Translator:
    if spec.startswith(f"{MEMORY}:"):
        raise ConfigError(f"write '--engine memory --memory {spec.partition(':')[2]}', not '--engine {spec}'.")
    return open_engine(spec, job.source_language, job.target_language, options, memory)


def _memorized(engine: Translator, memory: Memory, glossary: Glossary | None) -> Translator:
    if isinstance(engine, RememberedTranslator):
        return engine
    return MemorizedTranslator(engine, memory, glossary="" if glossary is None else glossary.digest)
