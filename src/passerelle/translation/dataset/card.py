"""The card of a translated data set: where it comes from, how it was made, what was checked."""

from __future__ import annotations

import hashlib
import importlib.metadata
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from passerelle.languages.codes import language
from passerelle.runs import file_hash, write_atomically
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.summary import Summary


def write_card(job: Job, summary: Summary) -> None:
    """Write the card of a finished job.

    Raises:
        StorageError: The disk is full, or the folder can't be written.
    """
    write_atomically(job.card, render(job, summary, sha256(job.source)))


def render(job: Job, summary: Summary, source_digest: str) -> str:
    """Return the text of a card, in Markdown with a head that data set hubs read."""
    # Heavy for the few milliseconds that it's needed.
    from jinja2 import Environment, StrictUndefined

    template = resources.files("passerelle.data").joinpath("dataset_card.md").read_text(encoding="utf-8")
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(template).render(
        job=job,
        summary=summary,
        source_language=language(summary.source_language),
        target_language=language(summary.target_language),
        source_digest=source_digest,
        date=datetime.now(UTC).date().isoformat(),
        version=importlib.metadata.version("passerelle"),
    )


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file; of a folder that of the names and digests of its files, as sha256sum lists them."""
    if path.is_file():
        return file_hash(path)
    files = sorted(one.relative_to(path).as_posix() for one in path.rglob("*") if one.is_file())
    listed = "".join(f"{sha256(path / name)}  ./{name}\n" for name in files)
    return hashlib.sha256(listed.encode()).hexdigest()
