"""What a translation costs whoever has no memory of it: sentences, the engine's own time for them, its price."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from passerelle.costs.book import part
from passerelle.costs.clocks import Stopwatch, Took, on_device
from passerelle.costs.ledger import Charge
from passerelle.runs import cache_folder, content_hash, read_json, write_json
from passerelle.translation.base import Lost, Translator
from passerelle.translation.memory.memorized import MemorizedTranslator
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.memory.whole_texts import asked_digest
from passerelle.translation.protection.placeholders import probe_texts

SAMPLE = 200
"""Most texts by which an engine's time is measured."""


@dataclass(frozen=True)
class Work:
    """What an engine really did.

    Attributes:
        sentences: How many it translated.
        characters: Theirs.
        seconds: How long it took.
        engine_eur: What it cost.
    """

    sentences: int
    characters: int
    seconds: float
    engine_eur: float


class ChargedTexts:
    """The texts that an arm is charged for, by a digest of the text and of who translates it: each one once.

    Attributes:
        new: Those that this process charged, in order.
    """

    def __init__(self) -> None:
        self.new: list[str] = []
        self._known: set[str] = set()

    def recall(self, digests: Iterable[str]) -> None:
        """Take over what an earlier run charged."""
        self._known.update(digests)

    def charge(self, engine: Translator, text: str) -> bool:
        """Say whether a text is to be charged now, which it is only once."""
        digest = asked_digest(f"{engine.source}>{engine.target} {engine.signature}", text).hex()
        if digest in self._known:
            return False
        self._known.add(digest)
        self.new.append(digest)
        return True


class MeteredTranslator:
    """A memorized engine that keeps count of the different texts asked of it.

    Arms share one memory, so the clock would charge whoever comes first. The ledger charges each arm for all
    the sentences that it needs, at the engine's measured rates. The sentences by which an engine is probed don't count.

    Args:
        engine: The engine.
        memory: Where its translations are kept.
        charged_texts: What was charged before isn't charged again.
    """

    def __init__(
        self, engine: Translator, memory: TranslationMemory, charged_texts: ChargedTexts | None = None
    ) -> None:
        self.source, self.target, self.signature = engine.source, engine.target, engine.signature
        self._engine = engine
        self._memorized = MemorizedTranslator(engine, memory)
        self._charged_texts = charged_texts or ChargedTexts()
        self._asked: dict[str, None] = {}
        self._probe = frozenset(probe_texts())
        self._paid = is_paid(engine)
        self._work = Work(0, 0, 0.0, 0.0)

    @property
    def charged(self) -> Charge:
        """The different texts asked for so far, their time at the engine's rate, less the clock's, and their price."""
        if not self._asked:
            return Charge()
        characters = sum(map(len, self._asked))
        if self._paid:
            alone = price(self._engine, self._work, len(self._asked), characters)
        else:
            alone = charge_of(self._for_a_sentence, len(self._asked), characters)
        now = self._memorized.took
        if self._paid:  # what this machine computes for a request is no engine's work
            return alone - Charge(seconds=now.seconds)
        return alone - Charge.of(now)

    def charges(self, text: str) -> bool:
        """Say whether a text is among those that are charged here, not by an earlier run."""
        return text in self._asked

    @cached_property
    def _for_a_sentence(self) -> Took:
        return took_for_a_sentence(self._engine, list(self._asked)[:SAMPLE])

    def by_people(self, texts: Iterable[str]) -> set[str]:
        """Tell which of some texts a person has translated."""
        return self._memorized.by_people(texts)

    def why_lost(self, text: str) -> Lost | None:
        """Return why a text came back empty, where the engine says so."""
        return self._memorized.why_lost(text)

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate each text, in order, by memory or by the engine."""
        asked = (text for text in dict.fromkeys(texts) if text and text not in self._probe)
        self._asked |= dict.fromkeys(text for text in asked if self._charged_texts.charge(self, text))
        before = cost_so_far(self._engine)
        try:
            with part("translate, answering"):
                return self._memorized.translate(texts)
        finally:
            done = self._memorized
            paid = self._work.engine_eur + cost_so_far(self._engine) - before
            self._work = Work(done.translated, done.characters_translated, done.took.seconds, paid)


def is_paid(engine: Translator) -> bool:
    """Whether an engine keeps account of what it costs: asking it again, to measure, would cost that twice."""
    return getattr(engine, "spent", None) is not None


def cost_so_far(engine: Translator) -> float:
    """Return what an engine has cost so far, by the prices that were given; 0 for one that costs nothing."""
    return float(getattr(getattr(engine, "spent", None), "cost", 0.0))


def price(engine: Translator, done: Work, sentences: int, characters: int) -> Charge:
    """Return what sentences cost at the rates of what a paid engine did.

    Where it did nothing now, since the memory knew all, those of the last time hold; where nothing is known of that
    either, its own estimate of the most.

    Args:
        engine: The engine.
        done: What it did, for these sentences or others.
        sentences: How many.
        characters: Theirs.
    """
    path = cache_folder() / "engines" / f"{content_hash([engine.signature, 'paid'])[:16]}.json"
    last = _last_work(path)
    if last is None or done.sentences >= last.sentences:
        if done.sentences:
            write_json(path, {**asdict(done), "signature": engine.signature})
        last = done
    at = done if done.sentences else last
    if not at.sentences:
        estimate = getattr(engine, "estimate", None)
        most = estimate(sentences, characters).cost if estimate is not None else 0.0
        return Charge(sentences, characters, engine_eur=most)
    seconds = at.seconds / at.sentences * sentences
    return Charge(sentences, characters, seconds, at.engine_eur / max(1, at.characters) * characters)


def _last_work(path: Path) -> Work | None:
    known = read_json(path)
    return None if known is None else Work(*(known[name] for name in Work.__dataclass_fields__))


def charge_of(for_a_sentence: Took, sentences: int, characters: int) -> Charge:
    """Return what sentences take at an engine's measured rates."""
    return Charge.of(for_a_sentence * sentences) + Charge(sentences, characters)


def took_for_a_sentence(engine: Translator, sample: Sequence[str]) -> Took:
    """Return what an engine itself takes for a sentence: measured once on a sample, then known from the cache."""
    path = cache_folder() / "engines" / f"{content_hash([engine.signature, list(sample)])[:16]}.json"
    known = read_json(path)
    if known is None or "processor_seconds_per_sentence" not in known:  # none, or an older version's
        with part("measure an engine"):
            engine.translate(sample[:1])
            watch = Stopwatch()
            with on_device():
                engine.translate(sample)
            took = watch.took() * (1 / max(1, len(sample)))
        known = {f"{clock}_per_sentence": value for clock, value in asdict(took).items() if clock in _RATES}
        write_json(path, {**known, "signature": engine.signature, "sentences": len(sample)})
    return Took(**{clock: float(known[f"{clock}_per_sentence"]) for clock in _RATES})


_RATES = ("seconds", "processor_seconds", "device_seconds")
