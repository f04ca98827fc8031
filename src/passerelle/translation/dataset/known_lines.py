"""Translate JSON Lines with workers: they read, find and write the rows whose texts the memory knows as a whole.

What is left goes through this process, which has the engine, and writes all rows in order: the same bytes as without
workers. Nothing but the memory is asked there, so that neither budgets nor requests hang on how many workers there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple, cast

from passerelle.crews.base import Crew
from passerelle.crews.processes import open_processes
from passerelle.errors import ConfigError, RunError
from passerelle.formats.base import BadRow, Format, Row
from passerelle.formats.json_lines import JsonLines
from passerelle.formats.lines import Rewritten, Span, spans
from passerelle.formats.window import opened
from passerelle.machine import rare_searches
from passerelle.translation.dataset.engines import known_by
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.local import LocalRunner, open_as
from passerelle.translation.dataset.rows import CHUNK_BYTES, CHUNK_ROWS, Chunk, RowTranslator, Written
from passerelle.translation.dataset.tally import Tally
from passerelle.translation.memory.known_texts import KnownTexts, RowText
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.memory.whole_texts import Key, Whole
from passerelle.translation.protection.safe import Outcome, SafeTranslator

SPAN_BYTES = 1 << 17
# Fewer lines between two that aren't known go with these.
_FEWEST_LINES = 32
# A piece of lines that is longer has a line which is no row.
_LONGEST_BYTES = 16 << 20


class Known(NamedTuple):
    """Lines whose texts are known.

    Attributes:
        lines: The lines as they are written.
        tally: Their counts.
        asked: `asked_digest` of all that was once asked for their texts, eight bytes each.
    """

    lines: Rewritten
    tally: Tally
    asked: bytes


Piece = Known | Span
"""Lines whose texts are known, or lines of which one isn't."""


@dataclass(frozen=True)
class FindingKnown:
    """The tools of a worker: the memory, to be read only, and what texts are found in it by.

    Attributes:
        job: What to translate.
        settings: What its whole texts are known by; the first three are languages and engine.
    """

    job: Job
    settings: tuple[str, ...]

    def __call__(self) -> Callable[[Span], list[Piece]]:
        """Open the memory.

        Raises:
            UserError: As for the job itself.
        """
        data_format = self.job.open_format()
        assert isinstance(data_format, JsonLines), "the others aren't cut by lines"
        memory = _AskedMemory(self.job.memory, reads_only=True)
        safe = _OnlyKnown(
            _Unasked(*self.settings[:3]),
            glossary=self.job.open_glossary(),
            texts=KnownTexts(memory, self.settings, keeps=False),
            phrasebook=self.job.open_phrasebook(),
        )
        translator = RowTranslator(safe, self.job.image_folder(data_format))
        finder = _Finder(self.job, data_format, memory, translator)

        def find(span: Span) -> list[Piece]:
            with rare_searches():
                return finder.pieces(span)

        return find


class CrewRunner(LocalRunner):
    """A `Runner` in this process, with workers for rows that the memory knows."""

    crew: Crew

    def chunks(self) -> Iterator[Chunk]:
        """Translate all rows of the job."""
        settings = known_by(self._engines.engine, self._engines.fallback, self._terms, self._engines.phrasebook)
        if settings is None or self._job.limit is not None:
            yield from super().chunks()
            return
        translator, waiting, held, left = self._translator(), list[Known | list[Row | BadRow]](), 0, 0
        cut = spans(self._job.source, SPAN_BYTES)
        for piece in (piece for found in self.crew.work(FindingKnown(self._job, settings), cut) for piece in found):
            if isinstance(piece, Known):
                waiting.append(piece)
                held += len(piece.lines.content)
            else:
                with opened(self._job.source, piece.size, piece.begin) as file:
                    rows = list(cast(JsonLines, self._format).rows_in(file, piece.number))
                waiting.append(rows)
                left, held = left + len(rows), held + piece.size
            # Engines gain by many texts at once; what is known needn't wait if nothing is asked before it.
            if not left or left >= CHUNK_ROWS or held >= CHUNK_BYTES:
                yield self._translated(waiting, translator)
                waiting, held, left = [], 0, 0
        yield self._translated(waiting, translator)

    def _translated(self, pieces: Sequence[Known | list[Row | BadRow]], translator: RowTranslator) -> Chunk:
        """Translate what isn't known among some pieces, at once, and put all in order."""
        made = translator.translate([row for rows in pieces if isinstance(rows, list) for row in rows])
        rows, chunk = iter(made.rows), Chunk(tally=made.tally)
        for piece in pieces:
            if isinstance(piece, Known):
                # Only JSON Lines come here, whose `write` takes them.
                chunk.rows.append(Written(cast(Row, piece.lines), {}))
                chunk.tally.add(piece.tally)
                self._memory.count_known(piece.asked)
            else:
                chunk.rows += [next(rows) for _ in piece]
        return chunk


@contextmanager
def open_with_workers(job: Job, data_format: Format, workers: int) -> Iterator[LocalRunner]:
    """Open the memory and the engines of a job, and so many workers, for as long as the block lasts.

    Raises:
        ConfigError: The data aren't JSON Lines.
        UserError: As `open_local`.
    """
    if not isinstance(data_format, JsonLines):
        raise ConfigError(
            f"several --workers on this machine are for JSON Lines, and {str(job.source)!r} is {data_format.name}: "
            "leave --workers out, or give --runner ray."
        )
    with open_as(CrewRunner, job, data_format) as runner, open_processes(workers) as crew:
        runner.crew = crew
        yield runner


class _Unasked(NamedTuple):
    """Names an engine that is asked elsewhere."""

    source: str
    target: str
    signature: str

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Refuse.

        Raises:
            RunError: Always.
        """
        raise RunError(f"{self.signature!r} isn't asked by workers.")


class _OnlyKnown(SafeTranslator):
    """Finds texts that the memory knows as a whole, and rejects all others."""

    def _translate_unknown(self, jobs: Sequence[RowText]) -> dict[RowText, Outcome]:
        return dict.fromkeys(jobs, Outcome(None, "not-known"))


class _AskedMemory(TranslationMemory):
    """A memory that notes what was once asked for the texts that are found; `asked` begins anew when it is cleared."""

    asked = b""

    def recall(self, keys: Sequence[Key]) -> dict[Key, Whole]:
        """Find some whole texts."""
        known = super().recall(keys)
        self.asked += b"".join([whole.asked for whole in known.values()])
        return known


class _Finder:
    """Tells lines whose texts are known from the others."""

    def __init__(self, job: Job, data_format: JsonLines, memory: _AskedMemory, translator: RowTranslator) -> None:
        self._source, self._format, self._memory, self._translator = job.source, data_format, memory, translator

    def pieces(self, span: Span) -> list[Piece]:
        """Cut some lines where those that are known and others part."""
        if span.size > _LONGEST_BYTES:
            return [span]
        with opened(self._source, span.size, span.begin) as file:
            content = file.read(span.size)
        rows = list(self._format.rows_in(BytesIO(content), span.number))
        known = self._known(span, content, rows)
        if isinstance(known, Known):
            return [known]
        if 2 * len(known) > len(rows):
            return [span]
        pieces: list[Piece] = []
        for part, is_left in _parts(span, content, known):
            begin, numbers = part.begin - span.begin, range(part.number, part.number + part.lines)
            inside = [row for row in rows if row.number in numbers]
            found = None if is_left else self._known(part, content[begin : begin + part.size], inside)
            pieces.append(found if isinstance(found, Known) else part)
        return pieces

    def _known(self, span: Span, content: bytes, rows: Sequence[Row | BadRow]) -> Known | list[int]:
        """Write some lines; return the numbers of those that can't be, if there are any."""
        self._memory.asked = b""
        chunk = self._translator.translate(rows)
        pairs = [(found.row, found.texts) for found in chunk.rows if isinstance(found, Written)]
        if len(pairs) == len(rows):
            written = Rewritten(span, self._format.rewritten(content, span.number, pairs))
            return Known(written, chunk.tally, self._memory.asked)
        return [found.number for found in chunk.rows if not isinstance(found, Written)]


def _parts(span: Span, content: bytes, unknown: Sequence[int]) -> Iterator[tuple[Span, bool]]:
    """Cut some lines before and after those that aren't known; say of each part whether it has such a line."""
    ends = [len(line) + 1 for line in content.split(b"\n")]
    first, end = span.number, span.number + span.lines
    bounds: list[tuple[int, int]] = []
    for number in unknown:
        if bounds and number - bounds[-1][1] < _FEWEST_LINES:
            bounds[-1] = (bounds[-1][0], number + 1)
        else:
            bounds.append((number, number + 1))
    begin = span.begin
    cuts = [first, *(cut for bound in bounds for cut in bound), end]
    for place, (start, stop) in enumerate(zip(cuts, cuts[1:], strict=False)):
        size = min(sum(ends[start - first : stop - first]), span.begin + span.size - begin)
        if stop > start:
            yield Span(start, stop - start, begin, size), place % 2 == 1
        begin += size
