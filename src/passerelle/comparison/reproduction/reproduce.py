"""`passerelle reproduce`: the comparison of some results once more, in a folder of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from passerelle.comparison.reproduction.data_files import Changed, changed_files, data_files
from passerelle.comparison.reproduction.differing import differences
from passerelle.comparison.run import compare
from passerelle.comparison.settings import Experiment, parse_experiment
from passerelle.comparison.texts import Texts
from passerelle.costs.prices import known_prices
from passerelle.errors import InputError
from passerelle.languages.knowledge import known_languages
from passerelle.models.families import known_families
from passerelle.progress import say
from passerelle.report.parse import as_mapping, mappings
from passerelle.runs import RESULTS, ResultsFile, read_json, write_json

RECORD = "reproduction.json"


def reproduce(found: ResultsFile, folder: Path, *, anyway: bool = False) -> dict[str, Any]:
    """Run a comparison again, or as much of it as isn't done yet, and say what differs.

    Args:
        found: Its results.
        folder: The run folder of the second; what differs is also written there, as ``reproduction.json``.
        anyway: Whether to go on where what it reads isn't what it was.

    Returns:
        What differs, see `differences`.

    Raises:
        ConfigError: The results don't hold their settings, or these aren't of this version.
        InputError: What it reads isn't what it was, or another run is in the folder.
        RunError: Every arm failed.
    """
    experiment = experiment_of(found)
    _check_folder(found, folder, experiment)
    changed = _changed(found, experiment)
    if changed and not anyway:
        raise InputError(
            f"{str(found.path)!r} can't be run again as it was: {'; '.join(each.sentence() for each in changed)}. Put "
            "back what it read (paths are taken from the folder where the command is given), or go on with --anyway."
        )
    for each in changed:
        say(each.sentence())
    if not mappings(as_mapping(found.content.get("data")).get("files")):
        say("these results keep no checksums of what they read: whether it is the same isn't known")
    results = compare(experiment, folder)
    told = differences(found, results, folder, changed)
    write_json(folder / RECORD, told)
    return told


def folder_of(found: ResultsFile) -> Path:
    """Return the run folder of the second, unless another is given."""
    return Path("runs") / f"{found.content.get('name') or found.folder.name}-again"


def experiment_of(found: ResultsFile) -> Experiment:
    """Return the settings that results were made by.

    Raises:
        ConfigError: They don't hold them, or they aren't of this version.
    """
    config = found.content.get("config")
    if not isinstance(config, Mapping) or not config:
        raise InputError(
            f"{str(found.path)!r} doesn't hold the settings that it was made by: nothing can be run again."
        )
    return parse_experiment(dict(config), f"the settings in {str(found.path)!r}")


def _check_folder(found: ResultsFile, folder: Path, experiment: Experiment) -> None:
    """Make sure that no other run is overwritten.

    Raises:
        InputError: There is one.
    """
    there = read_json(folder / RESULTS)
    if folder.resolve() == found.folder.resolve():
        raise InputError(f"{str(folder)!r} holds the results that are to be made again: choose another --out.")
    if isinstance(there, dict) and there.get("config") != experiment.model_dump(mode="json"):
        raise InputError(f"{str(folder)!r} holds another run: choose another --out.")


def _changed(found: ResultsFile, experiment: Experiment) -> list[Changed]:
    before = mappings(as_mapping(found.content.get("data")).get("files"))
    if not before:
        return []
    with known_families(experiment.families), known_languages(experiment.languages), known_prices(experiment.prices):
        first = changed_files(before, data_files(experiment, {}))
        if any(each.how == "missing" for each in first if each.what != "model"):
            return [each for each in first if each.how != "other pictures"]
        texts = Texts(experiment, found.folder)
        texts.check()
        return changed_files(before, data_files(experiment, texts.pictures))
