"""Translate the rows of a job in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from passerelle.formats.base import Format
from passerelle.translation.dataset.counted import CountedMemory, Needed
from passerelle.translation.dataset.engines import Engines, open_engines
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.reading import read_rows
from passerelle.translation.dataset.rows import Chunk, RowTranslator, chunks
from passerelle.translation.protection.glossary import Glossary


class LocalRunner:
    """A `Runner` that works chunk after chunk."""

    def __init__(
        self, job: Job, data_format: Format, memory: CountedMemory, engines: Engines, glossary: Glossary | None
    ) -> None:
        self.watch: Callable[[], None] = lambda: None
        self.before_engine: Callable[[], None] = lambda: None
        self.engine = engines.engine.signature
        self.fallback = "" if engines.fallback is None else engines.fallback.signature
        self.glossary = "" if glossary is None else glossary.digest
        self._terms = glossary
        self._job, self._format, self._memory, self._engines = job, data_format, memory, engines
        memory.watch = lambda: self.watch()
        for translator in engines.asking:
            translator.before_asked = lambda: self.before_engine()

    @property
    def needed(self) -> Needed:
        """What engine and memory did so far."""
        return self._memory.needed

    @property
    def spent(self) -> Any | None:
        """What the engine has cost so far."""
        return self._engines.spent

    def chunks(self) -> Iterator[Chunk]:
        """Translate all rows of the job. An engine of whose work nothing is known gets ready while they are read."""
        self._engines.get_ready(self._memory)
        translator = self._translator()
        for rows in chunks(read_rows(self._job, self._format)):
            yield translator.translate(rows)

    def _translator(self) -> RowTranslator:
        return RowTranslator(self._engines.safe, self._job.image_folder(self._format))


_Runner = TypeVar("_Runner", bound=LocalRunner)


@contextmanager
def open_as(runner: type[_Runner], job: Job, data_format: Format) -> Iterator[_Runner]:
    """Open the memory and the engines of a job for as long as the block lasts.

    Args:
        runner: What translates its rows.
        job: What to translate.
        data_format: Its format.

    Raises:
        UserError: An engine, its model or the glossary can't be had; the message says how to get it.
    """
    glossary = job.open_glossary()
    with CountedMemory(job.memory) as memory:
        engines = open_engines(job, memory, glossary)
        try:
            yield runner(job, data_format, memory, engines, glossary)
        finally:
            engines.close()


def open_local(job: Job, data_format: Format) -> AbstractContextManager[LocalRunner]:
    """Open the memory and the engines of a job to translate it in this process alone, as `open_as`."""
    return open_as(LocalRunner, job, data_format)
