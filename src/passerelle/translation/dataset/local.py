"""Translate the rows of a job in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from passerelle.formats.base import Format
from passerelle.translation.dataset.counted import CountedMemory, Needed
from passerelle.translation.dataset.engines import Engines, open_engines
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.reading import read_rows
from passerelle.translation.dataset.rows import Chunk, RowTranslator, chunks


class LocalRunner:
    """A `Runner` that works chunk after chunk."""

    def __init__(self, job: Job, data_format: Format, memory: CountedMemory, engines: Engines, glossary: str) -> None:
        self.watch: Callable[[], None] = lambda: None
        self.before_engine: Callable[[], None] = lambda: None
        self.engine = engines.engine.signature
        self.fallback = "" if engines.fallback is None else engines.fallback.signature
        self.glossary = glossary
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
        translator = RowTranslator(self._engines.safe, self._job.image_folder(self._format))
        for rows in chunks(read_rows(self._job, self._format)):
            yield translator.translate(rows)


@contextmanager
def open_local(job: Job, data_format: Format) -> Iterator[LocalRunner]:
    """Open the memory and the engines of a job for as long as the block lasts.

    Raises:
        UserError: An engine, its model or the glossary can't be had; the message says how to get it.
    """
    glossary = job.open_glossary()
    with CountedMemory(job.memory) as memory:
        engines = open_engines(job, memory, glossary)
        try:
            yield LocalRunner(job, data_format, memory, engines, "" if glossary is None else glossary.digest)
        finally:
            engines.close()
