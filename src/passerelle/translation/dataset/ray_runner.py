"""Translate the rows of a job on Ray Data: one task reads, a pool of engines translates, this process writes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passerelle.errors import PasserelleError
from passerelle.formats.base import BadRow, Format, Row
from passerelle.formats.images import ImageFolder
from passerelle.languages.knowledge import Knowledge, know, own_knowledge
from passerelle.translation.dataset.counted import CountedMemory, Needed
from passerelle.translation.dataset.engines import Engines, open_engines
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.ray_cluster import answer, connected, our_cause, ray_module
from passerelle.translation.dataset.reading import read_rows
from passerelle.translation.dataset.rows import Chunk, RowTranslator, chunks
from passerelle.translation.memory.memory import Remembered, Stored
from passerelle.translation.memory.whole_texts import Key, Whole

if TYPE_CHECKING:
    import ray.data

# The reader needs less than a worker; were both the same, Ray would make one step of them, in one process.
_READER_CPUS, _WORKER_CPUS = 0.5, 1.0
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


class Worker:
    """Translates chunks, with engines of its own, and with what is known of languages where it was made."""

    def __init__(self, job: Job, images: ImageFolder, keeper: Any, languages: dict[str, Knowledge]) -> None:
        know(languages)
        self._job, self._images, self._keeper = job, images, keeper
        self._name = uuid.uuid4().hex
        self._opened: tuple[Engines, RowTranslator] | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Translate the chunks of a batch; an error of ours is handed on in a chunk's place."""
        return {"number": batch["number"], "done": _objects([self._translate(rows) for rows in batch["rows"]])}

    def _translate(self, rows: list[Row | BadRow] | PasserelleError) -> Done | PasserelleError:
        # Ray would keep an error's text only, with all that it went through.
        if isinstance(rows, PasserelleError):
            return rows
        try:
            engines, translator = self._open()
            chunk = translator.translate(rows)
        except PasserelleError as error:
            return error
        fallback = "" if engines.fallback is None else engines.fallback.signature
        return Done(chunk, self._name, engines.engine.signature, fallback, engines.spent)

    def _open(self) -> tuple[Engines, RowTranslator]:
        if self._opened is None:
            engines = open_engines(self._job, RemoteMemory(self._keeper), self._job.open_glossary())
            self._opened = engines, RowTranslator(engines.safe, self._images)
        return self._opened


class RayRunner:
    """A `Runner` that works on Ray Data."""

    def __init__(self, job: Job, data_format: Format, workers: int, keeper: Any) -> None:
        self.watch: Callable[[], None] = lambda: None
        self.before_engine: Callable[[], None] = lambda: None
        glossary = job.open_glossary()
        self.glossary = "" if glossary is None else glossary.digest
        self.engine = self.fallback = ""
        self._job, self._format, self._workers, self._keeper = job, data_format, workers, keeper
        self._spent: dict[str, Any] = {}
        self._rows: Any = None

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
        try:
            self._rows = iter(self._dataset().iter_rows())
            for number, row in enumerate(self._rows):
                assert row["number"] == number, "Ray keeps the order"
                done: Done | PasserelleError = row["done"]
                if isinstance(done, PasserelleError):
                    raise done
                self.engine, self.fallback = done.engine, done.fallback
                if done.spent is not None:
                    self._spent[done.worker] = done.spent
                yield done.chunk
        except ray_module().exceptions.RayError as error:
            raise our_cause(error) from error

    def close(self) -> None:
        """End what still runs: a thread of Ray Data that outlives Ray ends the whole process, without a word."""
        if self._rows is not None:
            self._rows.close()

    def _dataset(self) -> ray.data.Dataset:
        data = ray_module().data
        context = data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        context.target_max_block_size = 1  # each chunk goes to a worker as soon as it's read
        job, data_format = self._shared(), self._format
        dataset: ray.data.Dataset = (
            data.range(1, override_num_blocks=1)
            .map_batches(_reader(job, data_format), batch_size=None, num_cpus=_READER_CPUS)
            .map_batches(
                Worker,
                fn_constructor_args=(job, job.image_folder(data_format), self._keeper, own_knowledge()),
                batch_size=1,
                compute=data.ActorPoolStrategy(size=self._workers),
                num_cpus=_WORKER_CPUS,
            )
        )
        return dataset

    def _shared(self) -> Job:
        """Give each worker its part of the budget, and paths that hold wherever it works."""
        options = {
            name: value / self._workers if name in _BUDGETS and value is not None else value
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
        job: What to translate. On a cluster its files must be at the same paths on every machine, except for the
            memory, which stays here.
        data_format: Its format.
        workers: How many engines work at once.
        address: Of a cluster; empty: Ray is started on this machine.

    Raises:
        MissingDependency: Ray isn't installed.
        RunError: There is no cluster at the address.
    """
    with connected(workers, address) as here, ExitStack() as stack:
        keeper = (
            ray_module().remote(MemoryKeeper).options(num_cpus=0, scheduling_strategy=here).remote(job.memory.resolve())
        )
        stack.callback(lambda: answer(keeper.close.remote()))
        runner = RayRunner(job, data_format, workers, keeper)
        stack.callback(runner.close)
        yield runner


def _absolute(spec: str) -> str:
    """Name an engine's model, if it is a folder here, so that it's found from any folder."""
    name, _, place = spec.partition(":")
    folder = Path(place).expanduser()
    return f"{name}:{folder.resolve()}" if place and folder.exists() else spec


def _reader(job: Job, data_format: Format) -> Callable[[dict[str, Any]], Iterator[dict[str, Any]]]:
    def read(batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        number = 0
        try:
            for number, rows in enumerate(chunks(read_rows(job, data_format), CHUNK_ROWS), start=1):
                yield {"number": [number - 1], "rows": _objects([rows])}
        except PasserelleError as error:
            yield {"number": [number], "rows": _objects([error])}

    return read


def _objects(values: Sequence[list[Row | BadRow] | Done | PasserelleError]) -> Any:
    """Put values into a column of Ray Data, which would take lists apart."""
    import numpy as np

    column = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        column[place] = value
    return column
