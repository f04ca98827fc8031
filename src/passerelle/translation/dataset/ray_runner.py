"""Translate the rows of a job by a crew on Ray: this process reads and writes, workers translate."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from passerelle.crews.base import Crew
from passerelle.crews.ray import answer, open_ray_crew, ray_module
from passerelle.formats.base import BadRow, Format, Row
from passerelle.formats.images import ImageFolder
from passerelle.translation.dataset.counted import CountedMemory, Needed
from passerelle.translation.dataset.engines import open_engines
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.reading import read_rows
from passerelle.translation.dataset.rows import Chunk, RowTranslator, chunks
from passerelle.translation.memory.memory import Remembered, Stored
from passerelle.translation.memory.whole_texts import Key, Whole

# Fewer than elsewhere, so that workers are done at about the same time.
CHUNK_ROWS = 256
_BUDGETS = ("most_tokens", "most_cost")


class MemoryKeeper:
    """Holds the memory for all workers, in a process of its own: SQLite's file can't be shared between machines."""

    def __init__(self, path: Path) -> None:
        self._memory = CountedMemory(path)

    def lookup(self, texts: Sequence[str], place: Sequence[Any], named: Mapping[str, Any]) -> dict[str, Remembered]:
        """Find what is known of some texts."""
        return self._memory.lookup(texts, *place, **named)

    def by_people(self, texts: Sequence[str], source: str, target: str) -> set[str]:
        """Tell which texts a person has translated."""
        return self._memory.by_people(texts, source, target)

    def store(self, translations: Sequence[tuple[str, str]], place: Sequence[Any], named: Mapping[str, Any]) -> Stored:
        """Store some translations."""
        return self._memory.store(translations, *place, **named)

    def state(self) -> str:
        """Say what the memory holds now, in a word."""
        return self._memory.state

    def corrections(self) -> int:
        """Return how often entries were corrected or replaced so far."""
        return self._memory.corrections

    def recall(self, keys: Sequence[Key]) -> dict[Key, Whole]:
        """Find some whole texts."""
        return self._memory.recall(keys)

    def keep(self, texts: Mapping[Key, Whole], corrections: int, rules: str) -> None:
        """Keep some whole texts."""
        self._memory.keep(texts, corrections, rules)

    def needed(self) -> Needed:
        """Return what all workers asked for so far."""
        return self._memory.needed

    def close(self) -> None:
        """Write what isn't in the file yet, and close it."""
        self._memory.close()


class RemoteMemory:
    """A memory that a `MemoryKeeper` holds."""

    def __init__(self, keeper: Any) -> None:
        self._keeper = keeper

    @property
    def state(self) -> str:
        """What the memory holds now, in a word."""
        return str(answer(self._keeper.state.remote()))

    def lookup(self, texts: Iterable[str], *place: Any, **named: Any) -> dict[str, Remembered]:
        """Find what is known of some texts, as `TranslationMemory.lookup` does."""
        found: dict[str, Remembered] = answer(self._keeper.lookup.remote(list(texts), place, named))
        return found

    def by_people(self, texts: Iterable[str], source: str, target: str) -> set[str]:
        """Tell which texts a person has translated."""
        found: set[str] = answer(self._keeper.by_people.remote(list(texts), source, target))
        return found

    def store(self, translations: Iterable[tuple[str, str]], *place: Any, **named: Any) -> Stored:
        """Store some translations, as `TranslationMemory.store` does."""
        stored: Stored = answer(self._keeper.store.remote(list(translations), place, named))
        return stored

    @property
    def corrections(self) -> int:
        """How often entries were corrected or replaced so far."""
        return int(answer(self._keeper.corrections.remote()))

    def recall(self, keys: Sequence[Key]) -> dict[Key, Whole]:
        """Find some whole texts."""
        known: dict[Key, Whole] = answer(self._keeper.recall.remote(list(keys)))
        return known

    def keep(self, texts: Mapping[Key, Whole], corrections: int, rules: str) -> None:
        """Keep some whole texts."""
        answer(self._keeper.keep.remote(dict(texts), corrections, rules))


@dataclass(frozen=True)
class Done:
    """A chunk with what made it.

    Attributes:
        chunk: The chunk.
        worker: Which worker.
        engine: Signature of its engine.
        fallback: Signature of its fallback engine; empty if it has none.
        spent: What the worker's engine has cost so far, for one that costs something.
    """

    chunk: Chunk
    worker: str
    engine: str
    fallback: str
    spent: Any | None


@dataclass(frozen=True)
class Translating:
    """The tools of a worker: engines of its own, and the memory that all share.

    Attributes:
        job: What to translate.
        images: Where images may be.
        keeper: Holds the memory.
    """

    job: Job
    images: ImageFolder
    keeper: Any

    def __call__(self) -> Callable[[list[Row | BadRow]], Done]:
        """Open the engines.

        Raises:
            UserError: An engine, its model or the glossary can't be had; the message says how to get it.
        """
        engines = open_engines(self.job, RemoteMemory(self.keeper), self.job.open_glossary())
        translator, name = RowTranslator(engines.safe, self.images), uuid.uuid4().hex
        fallback = "" if engines.fallback is None else engines.fallback.signature

        def translate(rows: list[Row | BadRow]) -> Done:
            return Done(translator.translate(rows), name, engines.engine.signature, fallback, engines.spent)

        return translate


class RayRunner:
    """A `Runner` by a crew on Ray."""

    def __init__(self, job: Job, data_format: Format, crew: Crew, keeper: Any) -> None:
        self.watch: Callable[[], None] = lambda: None
        self.before_engine: Callable[[], None] = lambda: None
        glossary = job.open_glossary()
        self.glossary = "" if glossary is None else glossary.digest
        self.engine = self.fallback = ""
        self._job, self._format, self._crew, self._keeper = job, data_format, crew, keeper
        self._spent: dict[str, Any] = {}

    @property
    def needed(self) -> Needed:
        """What all workers asked for so far."""
        needed: Needed = answer(self._keeper.needed.remote())
        return needed

    @property
    def spent(self) -> Any | None:
        """What all workers' engines have cost so far."""
        spent = list(self._spent.values())
        return sum(spent[1:], start=spent[0]) if spent else None

    def chunks(self) -> Iterator[Chunk]:
        """Translate all rows of the job."""
        self.before_engine()  # when workers ask theirs isn't known here
        tools = Translating(self._shared(), self._job.image_folder(self._format), self._keeper)
        for done in self._crew.work(tools, chunks(read_rows(self._job, self._format), CHUNK_ROWS)):
            self.engine, self.fallback = done.engine, done.fallback
            if done.spent is not None:
                self._spent[done.worker] = done.spent
            yield done.chunk

    def _shared(self) -> Job:
        """Give each worker its part of the budget, and paths that hold wherever it works."""
        options = {
            name: value / self._crew.size if name in _BUDGETS and value is not None else value
            for name, value in self._job.engine_options.items()
        }
        return replace(
            self._job,
            engine=_absolute(self._job.engine),
            engine_options=options,
            fallback=_absolute(self._job.fallback),
            source=self._job.source.resolve(),
            images=self._job.images and self._job.images.resolve(),
            glossary=self._job.glossary and self._job.glossary.resolve(),
            phrasebook=self._job.phrasebook and self._job.phrasebook.resolve(),
        )


@contextmanager
def open_ray(job: Job, data_format: Format, workers: int = 2, address: str = "") -> Iterator[RayRunner]:
    """Connect to Ray, or start it, for as long as the block lasts.

    Args:
        job: What to translate. On a cluster its images, models and glossary must be at the same paths on every machine;
            the data and the memory stay here.
        data_format: Its format.
        workers: How many engines work at once.
        address: Of a cluster; empty: Ray is started on this machine.

    Raises:
        MissingDependency: Ray isn't installed.
        RunError: There is no cluster at the address.
    """
    with open_ray_crew(workers, address) as crew:
        keeper = ray_module().remote(MemoryKeeper).options(num_cpus=0, scheduling_strategy=crew.here)
        kept = keeper.remote(job.memory.resolve())
        try:
            yield RayRunner(job, data_format, crew, kept)
        finally:
            answer(kept.close.remote())


def _absolute(spec: str) -> str:
    """Name an engine's model, if it is a folder here, so that it's found from any folder."""
    name, _, place = spec.partition(":")
    folder = Path(place).expanduser()
    return f"{name}:{folder.resolve()}" if place and folder.exists() else spec
