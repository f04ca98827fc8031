"""Translate a data set before it is audited, as ``passerelle translate`` does."""

from __future__ import annotations

from pathlib import Path

from passerelle.quality.pairs import PairOptions
from passerelle.runs import make_folder
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.rejects import rejected_rows
from passerelle.translation.dataset.run import translate


def translate_source(
    source: Path, options: PairOptions, engine: str, memory: Path, folder: Path, phrasebook: Path | None = None
) -> tuple[Path, frozenset[int]]:
    """Translate a data set into a folder.

    Returns:
        The translated file, and the numbers of the rows that the engine couldn't keep whole.

    Raises:
        UserError: Something that the user can put right.
        EngineStopped: The engine can't go on.
        StorageError: The disk is full, or a file can't be written.
    """
    make_folder(folder)
    job = Job(
        source=source,
        out=folder / f"translated{source.suffix}",
        target_language=options.target_language,
        source_language=options.source_language,
        memory=memory,
        engine=engine,
        phrasebook=phrasebook,
        format=options.format,
        fields=options.fields,
        image_fields=options.image_fields,
        images=options.images,
        images_anywhere=options.images_anywhere,
    )
    translate(job)
    return job.out, rejected_rows(job.out)
