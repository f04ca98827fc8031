"""Where the rows of a job are translated: the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from passerelle.formats.base import Format
from passerelle.translation.dataset.counted import Needed
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.rows import Chunk
from passerelle.translation.dataset.tally import Tally


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        total: Rows in all; ``None`` as long as they weren't counted, which they are before an engine is asked.
        tally: What became of rows so far.
        needed: What engine and memory did so far.
        spent: What the engine has cost so far, for one that costs something.
    """

    total: int | None
    tally: Tally
    needed: Needed
    spent: Any | None


Watch = Callable[[Progress], None]


class Runner(Protocol):
    """Translates the rows of a job.

    Attributes:
        watch: Called whenever the engine has finished some texts.
        before_engine: Called before the engine is asked, once or more.
    """

    watch: Callable[[], None]
    before_engine: Callable[[], None]

    @property
    def engine(self) -> str:
        """Signature of the engine."""
        ...

    @property
    def fallback(self) -> str:
        """Signature of the fallback engine; empty if there is none."""
        ...

    @property
    def glossary(self) -> str:
        """Digest of the glossary; empty if there is none."""
        ...

    @property
    def needed(self) -> Needed:
        """What engine and memory did so far."""
        ...

    @property
    def spent(self) -> Any | None:
        """What the engine has cost so far; ``None`` for one that costs nothing."""
        ...

    def chunks(self) -> Iterator[Chunk]:
        """Translate all rows of the job, in the order of the file.

        Raises:
            InputError: The file can't be read to its end; or a row is bad, and the job is strict.
            RunError: The engine can't go on, or the memory can't be written.
        """
        ...


OpenRunner = Callable[[Job, Format], AbstractContextManager[Runner]]
