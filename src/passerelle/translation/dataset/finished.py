"""Jobs that are finished: when nothing has changed since, what would be written is there already.

The memory notes of a finished job a digest of everything that its output hangs on, and the digests of what was written.
It forgets all such notes in the transaction that corrects or replaces an entry. A job whose images are looked at, or of
which a text was rejected, is never noted: images may change, and such texts are tried again each time.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from passerelle.formats.base import Format
from passerelle.languages.codes import language
from passerelle.languages.knowledge import own_digest
from passerelle.runs import content_hash, file_hash
from passerelle.translation.dataset.counted import Needed
from passerelle.translation.dataset.frequent import FrequentLines
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.runner import Runner
from passerelle.translation.dataset.summary import Summary
from passerelle.translation.dataset.tally import Tally
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.memory.whole_texts import code_digest, rules

_CODE = ("passerelle.formats", "passerelle.pictures", "passerelle.translation.dataset")
_TABLES = ("formats.toml", "dataset_card.md")


class FinishedJob:
    """What the memory knows of a job that was finished before, and notes of one that is now."""

    def __init__(self, job: Job, data_format: Format, runner: Runner) -> None:
        """Read the source once, for its digest.

        Raises:
            StorageError: The memory can't be read.
        """
        self._job = job
        self._stamp = _stamp(job.source)
        self._key = content_hash([file_hash(job.source), *_settings(job, data_format, runner)])
        with TranslationMemory(job.memory) as memory:
            self._corrections = memory.corrections
            self._record = memory.finished(self._key)

    def known(self) -> tuple[Tally, Needed] | None:
        """Return what the job came to, if all that it wrote is still there as it was written."""
        record: dict[str, Any] | None = None if self._record is None else json.loads(self._record)
        if record is None or any(_digest(Path(path)) != digest for path, digest in record["written"].items()):
            return None
        tally = record["tally"]
        counters = {name: Counter(tally[name]) for name in ("rejected", "ways")}
        tally = Tally(**{**tally, **counters, "frequent": FrequentLines(tally["frequent"])})
        return tally, Needed(unique=record["unique"], from_memory=record["unique"])

    def note(self, summary: Summary) -> None:
        """Note that the job is finished, unless its source has changed since.

        Args:
            summary: What it came to; none of its texts was rejected.

        Raises:
            StorageError: The memory can't be written.
        """
        if _stamp(self._job.source) != self._stamp:
            return
        written = {path: _digest(Path(path)) for path in (summary.out, summary.rejects, summary.card)}
        # Those that are shown are enough.
        frequent = {line.text: (line.times, line.translation) for line in summary.tally.frequent.most()}
        tally = {**vars(summary.tally), "frequent": frequent}
        record = {"written": written, "tally": tally, "unique": summary.needed.unique}
        with TranslationMemory(self._job.memory) as memory:
            memory.note_finished(self._key, json.dumps(record), self._corrections)


def can_be_known(job: Job, data_format: Format) -> bool:
    """Whether a job's output hangs on nothing but its source, its settings and the memory."""
    return job.image_folder(data_format).folder is None


def _settings(job: Job, data_format: Format, runner: Runner) -> list[Any]:
    """Return all that the output hangs on beside source and memory, code included."""
    languages = [language(code).bcp47 for code in (job.source_language, job.target_language)]
    engines = [runner.engine, runner.fallback, runner.glossary, job.open_phrasebook().digest]
    places = [str(path and path.absolute()) for path in (job.source, job.out, job.glossary, job.phrasebook)]
    read = [data_format.name, list(job.fields), list(job.image_fields), job.limit, job.strict, job.images_anywhere]
    return [languages, job.source_language, job.target_language, engines, places, read, rules(), own_digest(), _code()]


@cache
def _code() -> list[str]:
    return [code_digest(_CODE, _TABLES), importlib.metadata.version("passerelle")]


def _stamp(path: Path) -> tuple[int, int, int]:
    """Return what changes when a file is written."""
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns


def _digest(path: Path) -> str:
    """Return a file's SHA-256; empty if there is none."""
    return file_hash(path) if path.is_file() else ""
