"""Translate a file for a comparison: once for the same content and engine, with what it costs alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from passerelle.costs.book import part
from passerelle.costs.ledger import Charge, Phase, measured
from passerelle.costs.limits import require_allowance
from passerelle.errors import InputError, RunError
from passerelle.formats.base import BadRow
from passerelle.languages.phrasebook import read_phrasebook
from passerelle.progress import Progress, say
from passerelle.runs import content_hash, file_hash, read_json, write_json
from passerelle.translation.both_ways import ENGLISH, TranslationSettings
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.run import translate
from passerelle.translation.dataset.runner import Progress as Done
from passerelle.translation.dataset.summary import Summary
from passerelle.translation.engines.registry import open_engine
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.memory.metered import SAMPLE, Work, charge_of, is_paid, price, took_for_a_sentence

VERSION = 1
"""Raised when the same file would be translated otherwise."""


@dataclass(frozen=True)
class Made:
    """A file that a comparison made.

    Attributes:
        path: The file.
        phase: What making it cost, as if nothing had been known before.
        rows: Its rows.
        rejected: Rows of the source that couldn't be translated whole.
        by: What made it.
    """

    path: Path
    phase: Phase
    rows: int
    rejected: int = 0
    by: str = ""

    def keep(self) -> Made:
        """Write down how it was made, beside it."""
        write_json(_record(self.path), {**asdict(self), "path": self.path.name, "phase": self.phase.to_dict()})
        return self

    @classmethod
    def known(cls, path: Path) -> Made | None:
        """Return a file that an earlier run made; ``None`` if there is none, or not all of it."""
        found = read_json(_record(path))
        if found is None or not path.exists():
            return None
        return cls(path, Phase.read(found["phase"]), found["rows"], found["rejected"], found["by"])


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.made.json")


def translation_job(
    source: Path,
    folder: Path,
    name: str,
    target: str,
    settings: TranslationSettings,
    fields: Sequence[str] = (),
    images: Path | None = None,
    anywhere: bool = False,
) -> Job:
    """Return the job of translating an English file; what it writes has a hash of what determines it in its name.

    Args:
        source: The file, in a format that `passerelle translate` knows.
        folder: Where the translation goes.
        name: What it is called, before the hash.
        target: BCP-47 code of the language.
        settings: The engine.
        fields: Places of the texts, where the format isn't known.
        images: Folder of its pictures [the file's].
        anywhere: Whether pictures may lie outside of that folder.
    """
    determines = [VERSION, target, settings.engine, settings.options, settings.fallback, list(fields)]
    determines += [file_hash(source) if source.is_file() else str(source)]
    determines += [file_hash(settings.glossary) if settings.glossary else ""]
    determines += [read_phrasebook(ENGLISH, target, settings.phrasebook).digest]
    determines += [str(images), anywhere] if images or anywhere else []
    return Job(
        source=source,
        out=folder / f"{name}-{content_hash(determines)[:8]}{source.suffix}",
        target_language=target,
        memory=settings.memory_file,
        engine=settings.engine,
        engine_options=settings.options,
        fallback=settings.fallback,
        glossary=settings.glossary,
        phrasebook=settings.phrasebook,
        fields=tuple(fields),
        images=images,
        images_anywhere=anywhere,
    )


def translate_file(job: Job) -> Made:
    """Translate an English file, unless an earlier run did.

    Args:
        job: As `translation_job` makes it.

    Raises:
        UserError: Something that the user can put right.
        RunError: The engine can't go on, or no row could be translated.
        StorageError: The disk is full.
    """
    source, target = job.source, job.target_language
    if (known := Made.known(job.out)) is not None:
        return known
    done_now = Phase(f"data, translation of {source.name}")
    counted = part(f"translate, {job.out.parent.name}")
    with Progress(f"translating {source.name} into {target}", "row") as progress, measured(done_now), counted:
        summary = translate(job, lambda done: _show(done, progress))
    rejected = summary.tally.rejected.total()
    if not summary.tally.written:
        raise RunError(f"no row of {str(source)!r} could be translated: {str(job.rejects)!r} says why.")
    if rejected:
        say(f"{source.name}: {rejected} of {summary.tally.rows} rows left out; {str(job.rejects)!r} says why")
    phase = _phase(done_now, _alone(job, summary))
    return Made(job.out, phase, summary.tally.written, rejected, summary.engine).keep()


def _phase(now: Phase, more: Charge) -> Phase:
    """Return what a translation takes alone, from what it took now and what it takes more without a memory."""
    return replace(
        now,
        seconds=now.seconds + more.seconds,
        processor_seconds=(now.processor_seconds or 0.0) + more.processor_seconds,
        device_seconds=(now.device_seconds or 0.0) + more.device_seconds,
        spared_seconds=more.seconds,
        spared_processor_seconds=more.processor_seconds,
        spared_device_seconds=more.device_seconds,
        sentences=round(more.sentences),
        characters=round(more.characters),
        engine_eur=more.engine_eur,
    )


def _show(done: Done, progress: Progress) -> None:
    require_allowance()
    if done.total:
        progress(done.tally.rows, done.total)


def _alone(job: Job, summary: Summary) -> Charge:
    """Return sentences, characters and their price, and the time that whoever has no memory of them takes more."""
    needed, cost = summary.needed, getattr(summary.spent, "cost", 0.0)
    characters = _characters(summary)
    if not needed.from_memory:
        return Charge(needed.unique, characters, engine_eur=cost)
    memory = TranslationMemory(job.memory)
    engine = open_engine(job.engine, ENGLISH, job.target_language, job.engine_options, memory)
    if is_paid(engine):
        done = Work(needed.translated, needed.characters_translated, summary.seconds, cost)
        return price(engine, done, needed.unique, characters) - Charge(seconds=summary.seconds)
    return charge_of(took_for_a_sentence(engine, _sample(job)), needed.from_memory, characters) + Charge(
        needed.unique - needed.from_memory
    )


def _characters(summary: Summary) -> int:
    """Return the characters of the different sentences; of those that the memory knew, as many as the others have."""
    needed, tally = summary.needed, summary.tally
    unknown = needed.unique - needed.from_memory
    mean = needed.characters_unknown / unknown if unknown else tally.characters / max(1, tally.segments)
    return round(mean * needed.unique)


def _sample(job: Job) -> list[str]:
    """Return the texts by which an engine's time is measured."""
    texts: dict[str, None] = {}
    for row in job.open_format().rows(job.source):
        if not isinstance(row, BadRow):
            texts |= dict.fromkeys(field.text for field in row.fields)
        if len(texts) >= SAMPLE:
            break
    if not texts:
        raise InputError(f"{str(job.source)!r} has no text.")
    return list(texts)[:SAMPLE]
