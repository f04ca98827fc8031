"""Checksums of all that a comparison reads: results keep them, so that whoever runs it again knows if that is so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passerelle.comparison.settings import Experiment
from passerelle.comparison.tests import sources_of
from passerelle.comparison.texts import located
from passerelle.errors import PasserelleError
from passerelle.evaluation.specification import DATASETS, read_served
from passerelle.models.names import content_digest
from passerelle.translation.both_ways import ENGLISH
from passerelle.translation.dataset.card import sha256

_FILES = ("review", "families", "languages", "labels", "prices")
"""Settings that name a file or a folder."""
Row = dict[str, Any]


def data_files(experiment: Experiment, pictures: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Return what a comparison reads with its checksum: files of data and tests, models, files that settings name.

    Args:
        experiment: The settings.
        pictures: Of data files, by name, how many pictures they have and a hash of these; see `Texts.check`.

    Returns:
        Of each ``what`` it is, its ``path`` as the experiment has it, and ``sha256``, ``None`` where nothing of it is
        here: a data set by its name, a server. Of data files also ``pictures``, how many they have, and
        ``pictures_sha256`` of these pictures' names and sizes.
    """
    found = []
    for what, name, path in _places(experiment):
        found.append({"what": what, "path": name, "sha256": _digest(path)})
        found[-1] |= pictures.get(what.removeprefix("data."), {})
    models = dict.fromkeys((experiment.model, *filter(None, map(experiment.own_model, experiment.arms))))
    found += [{"what": "model", "path": model, "sha256": _model(model)} for model in models]
    return found


def _places(experiment: Experiment) -> Iterator[tuple[str, str, Path | None]]:
    for name, entry in experiment.data.items():
        if any(name in (*experiment.texts(arm), "english") for arm in experiment.trained):
            yield f"data.{name}", entry.path, located(entry, experiment.target)[0]
    for entry_of_test in experiment.tests:
        in_english = (experiment.english and entry_of_test.english) or entry_of_test.machine
        spoken = [*([experiment.target] if entry_of_test.machine != "only" else []), *([ENGLISH] if in_english else [])]
        for source in sources_of(entry_of_test, spoken, experiment.target):
            for place in source.places:
                is_here = not place.startswith(DATASETS)
                yield f"test {entry_of_test.benchmark} ({source.language})", place, Path(place) if is_here else None
    named = {key: getattr(experiment, key) for key in _FILES}
    named |= {f"translation.{key}": getattr(experiment.translation, key) for key in ("glossary", "phrasebook")}
    for key, path in named.items():
        if path is not None:
            yield key, str(path), path


def _digest(path: Path | None) -> str | None:
    try:
        return sha256(path) if path is not None and path.exists() else None
    except OSError:
        return None


def _model(name: str) -> str | None:
    try:
        return None if read_served(name) else content_digest(name)
    except PasserelleError:
        return None


@dataclass(frozen=True)
class Changed:
    """Something that a comparison reads and that isn't what it was.

    Attributes:
        what: What it is.
        path: Where the experiment has it.
        how: ``missing``, ``changed`` or ``other pictures``.
        before: The checksum that the results keep.
        now: The checksum of what is here; empty where nothing is.
    """

    what: str
    path: str
    how: str
    before: str
    now: str

    def sentence(self) -> str:
        """Say it for a reader."""
        if self.how == "missing":
            return f"{self.what} is missing: there is nothing at {self.path!r}"
        return f"{self.what} has {self.how}: {self.path!r}, sha256 {self.now[:12]} now, {self.before[:12]} then"


def changed_files(before: Sequence[Mapping[str, Any]], now: Sequence[Row]) -> list[Changed]:
    """Return what differs between the checksums that results keep and those of what is here.

    Args:
        before: As the results keep them; rows that can't be read are passed over.
        now: As `data_files` returns them.
    """
    here = {(row["what"], row["path"]): row for row in now}
    found = []
    for row in before:
        key = str(row.get("what")), str(row.get("path"))
        mine = here.get(key, {})
        for field, how in (("sha256", "changed"), ("pictures_sha256", "other pictures")):
            then, known = row.get(field), mine.get(field)
            if then and then != known and (known or field == "sha256"):
                found.append(Changed(*key, how if known else "missing", str(then), str(known or "")))
    return found
