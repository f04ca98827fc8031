"""What a job would take: its rows and texts are counted, nothing is written."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from passerelle.costs.clocks import Stopwatch, Took, on_device
from passerelle.translation.base import Translator
from passerelle.translation.dataset.counted import CountedMemory, Needed
from passerelle.translation.dataset.engines import Engines, known_texts, open_engines
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.reading import read_rows
from passerelle.translation.dataset.rows import RowTranslator, chunks
from passerelle.translation.dataset.tally import Tally
from passerelle.translation.protection.glossary import Glossary
from passerelle.translation.protection.placeholders import all_forms, probe, probed
from passerelle.translation.protection.safe import SafeTranslator

TIMED_TEXTS = 400
# Of a fast engine more texts are timed: a quarter of them tells little then.
_FIRST_TIMED, _TOO_SHORT_SECONDS = 100, 3.0


@dataclass(frozen=True)
class Estimate:
    """What a job would take.

    Attributes:
        engine: The engine's signature.
        tally: Its rows and texts; rejected are those that can't be read.
        needed: What it asks of memory and engine.
        took: Time that it would take; ``None`` for engines that cost something, which aren't tried.
        spent: What the engine would cost at most, for one that costs something.
    """

    engine: str
    tally: Tally
    needed: Needed
    took: Took | None
    spent: Any | None

    @property
    def seconds(self) -> float | None:
        """Time that it would take by the clock; ``None`` as `took`."""
        return None if self.took is None else self.took.seconds

    def as_dict(self) -> dict[str, Any]:
        """Return it as a flat table, for JSON."""
        return {
            "engine": self.engine,
            "rows": self.tally.rows,
            "rejected": dict(sorted(self.tally.rejected.items())),
            "texts": self.tally.texts,
            "segments": self.tally.segments,
            "characters": self.tally.characters,
            "unique": self.needed.unique,
            "from_memory": self.needed.from_memory,
            "to_translate": self.needed.unique - self.needed.from_memory,
            "characters_to_translate": self.needed.characters_unknown,
            "estimated_seconds": None if self.seconds is None else round(self.seconds, 1),
            "estimated_spent": None if self.spent is None else asdict(self.spent),
        }


class _Recorder:
    """Stands for an engine: answers with what the memory knows, else with the text itself."""

    def __init__(self, engine: Translator, memory: CountedMemory, glossary: str) -> None:
        self.source, self.target, self.signature = engine.source, engine.target, engine.signature
        self.sample: list[str] = []
        self._memory, self._glossary = memory, glossary
        # What only remembers knows every engine's work.
        self._known_by = None if getattr(engine, "only_remembers", False) else engine.signature
        self._met, self._random = 0, random.Random(0)

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Look texts up, and keep some that aren't known."""
        known = self._memory.lookup(texts, self.source, self.target, self._known_by, self._glossary)
        for text in texts:
            if text not in known:
                self._keep(text)
        return [known[text].translation if text in known else text for text in texts]

    def by_people(self, texts: Iterable[str]) -> set[str]:
        """Tell which of some texts a person has translated."""
        return self._memory.by_people(texts, self.source, self.target)

    def _keep(self, text: str) -> None:
        """Keep each of all texts with the same chance."""
        self._met += 1
        if len(self.sample) < TIMED_TEXTS:
            self.sample.append(text)
        elif (place := self._random.randrange(self._met)) < TIMED_TEXTS:
            self.sample[place] = text


def survey(job: Job, start_seconds: float = 0.0) -> Estimate:
    """Find out what a job would take.

    An engine that costs nothing translates up to `TIMED_TEXTS` of its texts; nothing is put into the memory.

    Args:
        job: What there is to translate.
        start_seconds: What it takes a program that does the job to start.

    Raises:
        UserError: As `translate`.
    """
    job.check()
    data_format = job.open_format()
    glossary = job.open_glossary()
    with _memory(job) as memory:
        engines = open_engines(job, memory, glossary)
        try:
            recorder, tally = _Recorder(engines.engine, memory, "" if glossary is None else glossary.digest), Tally()
            translator = RowTranslator(_safe(recorder, engines, memory, glossary), job.image_folder(data_format))
            watch = Stopwatch()
            for rows in chunks(read_rows(job, data_format)):
                tally.add(translator.translate(rows).tally)
            start = Took(start_seconds, start_seconds)
            needed, own = replace(memory.needed), start + watch.took()
            spent = _most_spent(engines, needed)
            took = None if spent else own + _engine_time(engines, recorder.sample, needed)
            return Estimate(engines.engine.signature, tally, needed, took, spent)
        finally:
            engines.close()


@contextmanager
def _memory(job: Job) -> Iterator[CountedMemory]:
    """Open the job's memory; an empty one that nobody keeps, where there is none yet."""
    with TemporaryDirectory() as folder:
        path = job.memory if job.memory.exists() else Path(folder) / job.memory.name
        with CountedMemory(path) as memory:
            yield memory


def _safe(recorder: _Recorder, engines: Engines, memory: CountedMemory, glossary: Glossary | None) -> SafeTranslator:
    forms = probed(engines.engine)
    if forms is None:
        forms = all_forms() if engines.spent is not None else probe(engines.engine)
    # What is made of the recorder's answers is no translation, so it isn't kept.
    texts = known_texts(engines.engine, engines.fallback, memory, glossary, engines.phrasebook, keeps=False)
    return SafeTranslator(recorder, glossary=glossary, forms=forms, texts=texts, phrasebook=engines.phrasebook)


def _most_spent(engines: Engines, needed: Needed) -> Any | None:
    """Return what the engine would cost at most; ``None`` for one that costs nothing."""
    estimate = getattr(engines.engine, "estimate", None)
    return estimate and estimate(needed.unique - needed.from_memory, needed.characters_unknown)


def _engine_time(engines: Engines, sample: Sequence[str], needed: Needed) -> Took:
    """Return how long the engine would take, by the time that a sample takes."""
    done = _timed(engines, sample[:1])  # starts the engine, which isn't its speed
    timed = sample[1:_FIRST_TIMED]
    characters, took = needed.characters_unknown, _timed(engines, timed)
    if took.seconds < _TOO_SHORT_SECONDS and len(sample) > _FIRST_TIMED:
        # The first were slower: an engine reads parts of its files only when it comes to need them.
        done, characters = done + took, characters - sum(map(len, timed))
        timed = sample[_FIRST_TIMED:]
        took = _timed(engines, timed)
    return done + took * (characters / max(1, sum(map(len, timed))))


def _timed(engines: Engines, texts: Sequence[str]) -> Took:
    """Return how long the engine takes for some texts."""
    watch = Stopwatch()
    with on_device():
        engines.engine.translate(texts)
    return watch.took()
