"""The engines that checks share: every way from one language to another, each text asked once."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from passerelle.errors import MissingDependency, RunError, UserError
from passerelle.translation.base import Translator
from passerelle.translation.engines.apertium import ApertiumTranslator
from passerelle.translation.engines.apertium_modes import find_chains, installed_modes
from passerelle.translation.memory.protocol import Memory

_log = logging.getLogger(__name__)
_REMEMBERED = 100_000
"""Answers of each engine that are held in memory."""
_MARK = re.compile(r"(?<!\w)[*@#](?=\w)")

Ways = Callable[[str, str], Sequence[Translator]]
"""Finds the engines from one language (BCP-47) to another; none where there are none."""


def apertium_ways(source: str, target: str) -> list[Translator]:
    """All of Apertium's shortest chains from one language to another, unknown words marked.

    Args:
        source: BCP-47 code.
        target: BCP-47 code.

    Returns:
        An engine for each chain, the usual one first; none where no chain is installed.
    """
    chains = [[mode.name for mode in modes] for modes in find_chains(source, target, installed_modes())]
    try:
        return [ApertiumTranslator(source, target, chain=modes, mark_unknown=True) for modes in chains]
    except MissingDependency as missing:
        _log.warning("checks go without Apertium from %s to %s: %s", source, target, missing)
        return []


def pivot_engines(source: str, target: str) -> dict[str, ApertiumTranslator]:
    """Return engines that mark unknown words, by the language that they go through; the usual one first.

    Raises:
        ConfigError: Unknown language.
        MissingDependency: There is no way at all; the message says what to install.
    """
    first = ApertiumTranslator(source, target, mark_unknown=True)
    modes = installed_modes()
    pairs = [(one.name, other.name) for one in modes for other in modes if one.source == first.source
             and one.target == other.source and other.target == first.target]  # fmt: skip
    engines = {" ".join(first.chain): first}
    for pair in pairs:
        if pair != first.chain:
            engines[" ".join(pair)] = ApertiumTranslator(source, target, mark_unknown=True, chain=pair)
    return engines


def bare(text: str) -> str:
    """Return a translation without the marks that Apertium puts before words that it doesn't know."""
    return _MARK.sub("", text)


def unknown_words(text: str) -> int:
    """Count the words that Apertium marked as unknown."""
    return len(_MARK.findall(text))


class Engines:
    """Every way from one language to another, with what was answered before.

    Args:
        ways: Finds the engines; Apertium's chains unless told otherwise.
        memory: A translation memory to ask first and to store answers in. People's translations in it are
            passed over: a check compares with what an engine says.
    """

    def __init__(self, ways: Ways = apertium_ways, memory: Memory | None = None) -> None:
        self._find, self._memory = ways, memory
        self._engines: dict[tuple[str, str], tuple[Translator, ...]] = {}
        self._others: list[Translator] = []
        self._answers: dict[str, dict[str, str]] = {}

    def ways(self, source: str, target: str) -> tuple[Translator, ...]:
        """Return the engines from one language to another; none where there are none."""
        key = source, target
        if key not in self._engines:
            self._engines[key] = tuple(self._find(source, target))
        return self._engines[key]

    def through(self, source: str, target: str) -> dict[str, Translator]:
        """Return engines that mark unknown words, by the language that they go through; the usual one first.

        They are those of `ways` where they are the same, and what they answered is known to both.

        Raises:
            ConfigError: Unknown language.
            MissingDependency: There is no way at all; the message says what to install.
        """
        known = {way.signature: way for way in self.ways(source, target)}
        engines = {name: known.get(one.signature, one) for name, one in pivot_engines(source, target).items()}
        self._others += [engine for engine in engines.values() if engine.signature not in known]
        return {name: _Remembering(self, engine) for name, engine in engines.items()}

    def start(self, source: str, target: str) -> None:
        """Start the programs from one language to another, without waiting; a failure is said when they are asked."""
        for engine in self.ways(source, target):
            if isinstance(engine, ApertiumTranslator):
                with contextlib.suppress(UserError, RunError):
                    engine.start()

    def translate(self, texts: Iterable[str], source: str, target: str) -> list[dict[str, str]]:
        """Translate texts by every way, asking for each distinct text once as long as it is remembered.

        Args:
            texts: Any texts.
            source: BCP-47 code of their language.
            target: BCP-47 code.

        Returns:
            For each way the translation by text; Apertium's marks are left in (see `bare`).

        Raises:
            RunError: An engine failed.
        """
        return self.ask(self.ways(source, target), texts)

    def ask(self, engines: Sequence[Translator], texts: Iterable[str]) -> list[dict[str, str]]:
        """Have texts translated by some engines; see `translate`."""
        asked = dict.fromkeys(texts)
        fresh = [self._fresh(engine, asked) for engine in engines]
        with ThreadPoolExecutor(max(1, len(engines))) as threads:  # engines are programs of their own
            made = list(threads.map(lambda engine, new: engine.translate(new) if new else [], engines, fresh))
        for engine, new, answers in zip(engines, fresh, made, strict=True):
            self._note(engine, list(zip(new, answers, strict=True)))
        return [{text: known[text] for text in asked} for known in map(self._answered, engines)]

    def signature(self, source: str, target: str) -> str:
        """Return the signatures of the engines from one language to another; ``none`` without any."""
        return " | ".join(engine.signature for engine in self.ways(source, target)) or "none"

    def close(self) -> None:
        """End the engines' processes; what was answered stays known."""
        for engine in chain(self._others, *self._engines.values()):
            if isinstance(engine, ApertiumTranslator):
                engine.close()

    def _answered(self, engine: Translator) -> dict[str, str]:
        return self._answers.setdefault(f"{engine.source}>{engine.target} {engine.signature}", {})

    def _fresh(self, engine: Translator, texts: Iterable[str]) -> list[str]:
        """Return the texts that neither were asked before nor are remembered."""
        known = self._answered(engine)
        if len(known) > _REMEMBERED:
            known.clear()
        known.update(self._remembered(engine, [text for text in texts if text not in known]))
        return [text for text in texts if text not in known]

    def _note(self, engine: Translator, made: Sequence[tuple[str, str]]) -> None:
        self._answered(engine).update(made)
        if self._memory is not None and made:
            filled = [(text, answer) for text, answer in made if answer]
            self._memory.store(filled, engine.source, engine.target, engine.signature, "machine")

    def _remembered(self, engine: Translator, texts: Iterable[str]) -> dict[str, str]:
        if self._memory is None:
            return {}
        found = self._memory.lookup(texts, engine.source, engine.target, engine.signature)
        return {text: known.translation for text, known in found.items() if known.origin == "machine"}


class _Remembering:
    """One of the engines, each text asked once."""

    def __init__(self, engines: Engines, engine: Translator) -> None:
        self._engines, self._engine = engines, engine
        self.source, self.target, self.signature = engine.source, engine.target, engine.signature

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate each text by itself; see `Translator.translate`."""
        (known,) = self._engines.ask([self._engine], texts)
        return [known[text] for text in texts]
