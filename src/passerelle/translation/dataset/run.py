"""Translate a data set from its first row to its last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from passerelle.errors import InputError
from passerelle.formats.base import Format, Row
from passerelle.formats.saving import check_target, write_data
from passerelle.languages.codes import language
from passerelle.runs import flush_to_disk, remove_parts_of_dead, written_beside
from passerelle.translation.dataset.card import write_card
from passerelle.translation.dataset.counted import Needed
from passerelle.translation.dataset.finished import FinishedJob, can_be_known
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.local import open_local
from passerelle.translation.dataset.reading import count_rows, strict_error
from passerelle.translation.dataset.rejects import Reject
from passerelle.translation.dataset.rows import rare_collections
from passerelle.translation.dataset.runner import OpenRunner, Progress, Runner, Watch
from passerelle.translation.dataset.summary import Summary
from passerelle.translation.dataset.tally import Tally


def translate(job: Job, watch: Watch = lambda progress: None, open_runner: OpenRunner = open_local) -> Summary:
    """Translate a data set.

    The output, its rejects and its card are written beside their places and renamed when they are whole, the
    output last. What is translated is in the memory at once, so that the same call goes on after any stop. Where all
    of it is there already, as it would be written, nothing is.

    Args:
        job: What to translate.
        watch: Told how far it is, again and again.
        open_runner: Where the rows are translated.

    Returns:
        What it came to.

    Raises:
        UserError: Something that the user can put right; with a strict job also the first bad row.
        EngineStopped: The engine can't go on.
        StorageError: The disk is full, or a file can't be written.
    """
    began = time.perf_counter()
    job.check()
    data_format = job.open_format()
    check_target(data_format, job.out)
    with rare_collections(), open_runner(job, data_format) as runner:
        finished = FinishedJob(job, data_format, runner) if can_be_known(job, data_format) else None
        if finished is not None and (known := finished.known()) is not None:
            watch(Progress(known[0].rows, *known, runner.spent))
            return _summary(job, data_format, runner, known, time.perf_counter() - began, unchanged=True)
        tally, rejected_texts = Tally(), list[Reject]()
        total: int | None = None

        def tell() -> None:
            watch(Progress(total, tally, runner.needed, runner.spent))

        def count() -> None:
            nonlocal total
            if total is None:
                total = count_rows(job, data_format)
                tell()

        # All rows are read once before anything is paid for: a file that breaks off late is known early.
        runner.watch, runner.before_engine = tell, count
        if job.strict:
            count()
        tell()
        for path in (job.out, job.rejects, job.card):
            remove_parts_of_dead(path)
        with written_beside(job.out) as out:
            with written_beside(job.rejects) as beside, beside.open("wb") as rejects:
                write_data(data_format, job.source, out, _kept(job, runner, tally, rejects, rejected_texts, tell))
                flush_to_disk(rejects)
                _check_count(job, total, tally)
            summary = _summary(job, data_format, runner, (tally, runner.needed), time.perf_counter() - began)
            write_card(job, summary)
        if finished is not None and not rejected_texts:
            finished.note(summary)
    return summary


def _kept(
    job: Job, runner: Runner, tally: Tally, rejects: BinaryIO, rejected_texts: list[Reject], tell: Callable[[], None]
) -> Iterator[tuple[Row, Mapping[str, str]]]:
    """Yield the rows of the output with their new texts, write down the others, and list one rejected for a text."""
    for chunk in runner.chunks():
        for row in chunk.rows:
            if not isinstance(row, Reject):
                yield row.row, row.texts
            elif job.strict and row.is_bad_input:
                raise strict_error(job, row)
            else:
                row.write(rejects)
                if not row.is_bad_input:
                    rejected_texts[:] = [row]
        tally.add(chunk.tally)
        tell()


def _check_count(job: Job, total: int | None, tally: Tally) -> None:
    """Make sure that no row is lost."""
    first = tally.rows if total is None else total
    if not first == tally.rows == tally.written + tally.rejected.total():
        raise InputError(
            f"{str(job.source)!r} had {first:,} rows at first, then {tally.rows:,}, of which {tally.written:,} were "
            f"written and {tally.rejected.total():,} rejected: it changed meanwhile. Run the same command again."
        )


def _summary(
    job: Job,
    data_format: Format,
    runner: Runner,
    counts: tuple[Tally, Needed],
    seconds: float,
    unchanged: bool = False,
) -> Summary:
    tally, needed = counts
    return Summary(
        source=str(job.source),
        out=str(job.out),
        rejects=str(job.rejects),
        card=str(job.card),
        format=data_format.name,
        source_language=language(job.source_language).bcp47,
        target_language=language(job.target_language).bcp47,
        engine=runner.engine,
        fallback=runner.fallback,
        glossary=runner.glossary,
        tally=tally,
        needed=needed,
        seconds=seconds,
        spent=runner.spent,
        unchanged=unchanged,
    )
