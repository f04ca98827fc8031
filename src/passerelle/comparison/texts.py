"""The texts that arms learn from: files as they are, the English translated, corrected by experts, screened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from passerelle.comparison.entries import DataEntry
from passerelle.comparison.reviewed import Review, corrected_file
from passerelle.comparison.screening import Screening
from passerelle.comparison.settings import ENGLISH_DATA, MACHINE, Experiment
from passerelle.comparison.translating import Made, translate_file, translation_job
from passerelle.costs.ledger import Phase
from passerelle.costs.prices import prices
from passerelle.errors import ConfigError, InputError
from passerelle.example.files import SCHEME, example_folder, resolve
from passerelle.formats.conversations import Conversation, read_conversations
from passerelle.quality.evidence.chrf import sentence_chrf
from passerelle.quality.pairs import PairOptions, read_pairs, read_references
from passerelle.records import Origin
from passerelle.runs import content_hash
from passerelle.translation.both_ways import ENGLISH
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.rejects import rejected_rows

PEOPLE: tuple[Origin, ...] = ("human-translation", "native")


@dataclass
class Texts:
    """The training texts of a comparison; each is made when an arm first asks for it.

    Attributes:
        experiment: The settings.
        folder: The run folder.
        review: Experts' corrections, which machine text gets.
        pictures: Of each file that `check` has read how many pictures it has, and a hash of these.
    """

    experiment: Experiment
    folder: Path
    review: Review | None = None
    pictures: dict[str, dict[str, Any]] = field(default_factory=dict)
    _files: dict[str, tuple[Path, Path]] = field(default_factory=dict)

    def check(self) -> None:
        """Read the files that arms learn from, before anything is made of them.

        Raises:
            UserError: A file is missing or holds no conversation, or English is to be replayed and there is none.
        """
        needed: dict[str, str] = {}
        for arm in self.experiment.trained:
            names = [ENGLISH_DATA if text == MACHINE else text for text in self.experiment.texts(arm)]
            if self.experiment.replays_english(arm):
                if ENGLISH_DATA not in self.experiment.data:
                    raise ConfigError(f"arm {arm!r} replays English (mix.english), but data.english is missing.")
                names.append(ENGLISH_DATA)
            needed |= dict.fromkeys(names, arm)
        rows: dict[str, int] = {}
        for name, arm in needed.items():
            try:
                rows[name] = len(found := self._read(name))
                self.pictures[name] = _pictures_digest(found)
            except InputError as error:
                raise InputError(f"arm {arm!r}, data.{name}: {error}") from None
        for arm in self.experiment.trained:
            self._check_sizes(arm, rows)

    def _check_sizes(self, arm: str, rows: Mapping[str, int]) -> None:
        """Make sure that there are as many examples as the largest budget asks for.

        Raises:
            ConfigError: There aren't.
        """
        sizes = self.experiment.sizes(arm)
        texts = [ENGLISH_DATA if text == MACHINE else text for text in self.experiment.texts(arm)]
        if sizes and sizes[-1] > (most := sum(rows[text] for text in texts)):
            raise ConfigError(f"arm {arm!r}: its last budget is {sizes[-1]} examples, but its texts hold {most}.")

    def data(self, arm: str) -> list[dict[str, Any]]:
        """Return what an arm learns from, as in an adaptation.

        Raises:
            PasserelleError: A text can't be made.
        """
        experiment, entries = self.experiment, []
        for text in experiment.texts(arm):
            if text == MACHINE:
                images, anywhere = self._file(ENGLISH_DATA)[1], experiment.data[ENGLISH_DATA].images_anywhere
                origin: Origin = "repaired" if experiment.screened(arm) == "repair" else "machine"
                entries.append(_entry(self.made(arm)[-1].path, images, experiment.target, origin, 1.0, anywhere))
            else:
                entries.append(self._people(text))
        if experiment.replays_english(arm):
            entries.append(self._people(ENGLISH_DATA))
        return entries

    def phases(self, arm: str) -> list[Phase]:
        """Return what making an arm's texts cost: all of it, as if it were alone, and how many arms share it."""
        phases = []
        for text in self.experiment.texts(arm):
            if text == MACHINE:
                made = self.made(arm)
                phases += [replace(each.phase, shared_by=self._sharing(each)) for each in made]
            elif self._origin(text) in PEOPLE:
                minutes = self._minutes(text)
                sharing = sum(text in self.experiment.texts(other) for other in self.experiment.trained)
                phases.append(Phase(f"data, people's work on {text}", expert_minutes=minutes, shared_by=sharing))
        return phases

    def summary(self) -> dict[str, Any]:
        """Say how good each version of the machine text is, against people's, where they wrote the same rows."""
        versions: dict[str, Made] = {}
        for arm in self.experiment.trained:
            if MACHINE in self.experiment.texts(arm):
                versions["machine"] = self.made(arm)[0]
                screen = self.experiment.screen(arm)
                versions[screen.name if screen else "machine"] = self.made(arm)[-1]
        return {name: self._described(made) for name, made in versions.items()}

    def _described(self, made: Made) -> dict[str, Any]:
        row: dict[str, Any] = {"rows": made.rows, "rejected": made.rejected, "by": made.by}
        human = next((name for name in self.experiment.data if self._is_reference(name)), None)
        if human is None:
            return row
        try:
            quality = self._quality(made.path, self._file(human)[0])
        except InputError:  # people's file holds other rows, or is in another format: nothing to hold it against
            return row
        return {**row, **quality, "against": human}

    def _quality(self, machine: Path, human: Path) -> dict[str, Any]:
        """Say how close a version is to people's text of the same rows.

        Returns:
            ``chrf``: the mean of its different replies of more than a word; ``questions_chrf``: of its different
            questions, and ``questions``: how many these are; both only where something is asked.

        Raises:
            InputError: Nothing of it has a reference.
        """
        english = self._file(ENGLISH_DATA)[0]
        options = PairOptions(target_language=self.experiment.target)
        rejected = self._left_out(english, machine)
        paired = read_pairs(english, machine, options, rejected)
        references = read_references(human, paired)
        found = {
            (pair.field, pair.source, pair.target, reference)
            for pair, reference in zip(paired.pairs, references, strict=True)
            if reference is not None
        }
        replies = [one[2:] for one in found if one[0] == "answer" and " " in one[1].strip()]
        asked = [one[2:] for one in found if one[0] == "question"]
        if not replies:
            raise InputError("no reply of more than a word has a reference.")
        quality: dict[str, Any] = {"chrf": _mean_chrf(replies)}
        if asked:
            quality |= {"questions_chrf": _mean_chrf(asked), "questions": len({text for text, _ in asked})}
        return quality

    def _left_out(self, english: Path, machine: Path) -> frozenset[int]:
        """Return the rows of the English file that a version doesn't have."""
        with_id = {row.id for row in _rows(machine)}
        return frozenset(row.number for row in _rows(english) if row.id not in with_id) | rejected_rows(machine)

    def _is_reference(self, name: str) -> bool:
        return name != ENGLISH_DATA and self._origin(name) in PEOPLE

    @property
    def translation(self) -> Job:
        """The job of translating the English file."""
        english, entry = self._file(ENGLISH_DATA)[0], self.experiment.data[ENGLISH_DATA]
        target, settings = self.experiment.target, self.experiment.translation
        place = english, self.folder / "data", "machine"
        return translation_job(*place, target, settings, images=entry.images, anywhere=entry.images_anywhere)

    @cached_property
    def _machine(self) -> Made:
        return translate_file(self.translation)

    @cached_property
    def _corrected(self) -> Made:
        """The translation with experts' corrections, if there are any."""
        if self.review is None:
            return self._machine
        english, _ = self._file(ENGLISH_DATA)
        return corrected_file(self._machine, english, self.review, self.experiment)

    @cached_property
    def _screening(self) -> Screening:
        english, _ = self._file(ENGLISH_DATA)
        made = self._corrected
        return Screening(
            english,
            made.path,
            self._machine.path,
            self.experiment.target,
            self.experiment.quality,
            self.folder / "data",
            self.experiment.translation.phrasebook,
        )

    def made(self, arm: str) -> list[Made]:
        """Return the files that were made for an arm, one from the other; it learns from the last."""
        made = [self._machine]
        if self._corrected is not self._machine:
            made.append(self._corrected)
        if screen := self.experiment.screen(arm):
            made.append(self._screening.through(screen))
        return made

    def _sharing(self, made: Made) -> int:
        """Return how many arms need a file that was made."""
        arms = (arm for arm in self.experiment.trained if MACHINE in self.experiment.texts(arm))
        return sum(any(each.path == made.path for each in self.made(arm)) for arm in arms)

    def _file(self, name: str) -> tuple[Path, Path]:
        """Return a data file and the folder of its pictures."""
        if name not in self._files:
            entry = self.experiment.data[name]
            self._files[name] = located(entry, self.experiment.target)
        return self._files[name]

    def _origin(self, name: str) -> Origin:
        usual: Origin = "native" if name == ENGLISH_DATA else "human-translation"
        return self.experiment.data[name].origin or usual

    def _people(self, name: str) -> dict[str, Any]:
        path, images = self._file(name)
        spoken = ENGLISH if name == ENGLISH_DATA else self.experiment.target
        entry = self.experiment.data[name]
        return _entry(path, images, spoken, self._origin(name), entry.weight, entry.images_anywhere)

    def _read(self, name: str) -> Sequence[Conversation]:
        path, images = self._file(name)
        anywhere = self.experiment.data[name].images_anywhere
        found, _ = read_conversations(path, images=images, language="", origin=self._origin(name), anywhere=anywhere)
        return found

    def _minutes(self, name: str) -> float:
        """Return how long people take to write or translate a file, by the table of prices."""
        return prices().translation_minutes({m.text for each in self._read(name) for m in each.messages})


def _mean_chrf(pairs: Sequence[tuple[str, str]]) -> float:
    return round(sum(sentence_chrf(*pair) for pair in pairs) / len(pairs), 2)


def located(entry: DataEntry, target: str) -> tuple[Path, Path]:
    """Return a data file and the folder of its pictures; the example's files are written first."""
    name = entry.path.replace("{language}", target)
    if name.startswith(SCHEME):
        return resolve(name.removeprefix(SCHEME), target), example_folder()
    return Path(name), entry.images or Path(name).parent


def _pictures_digest(conversations: Sequence[Conversation]) -> dict[str, Any]:
    """Return how many pictures conversations have, and a hash of these pictures' names and sizes."""
    paths = {path for each in conversations for path in each.images}
    sizes = sorted([path.name, path.stat().st_size if path.is_file() else -1] for path in paths)
    return {"pictures": len(paths), "pictures_sha256": content_hash(sizes)}


def _entry(path: Path, images: Path, spoken: str, origin: Origin, weight: float, anywhere: bool) -> dict[str, Any]:
    """Return a file of conversations as an adaptation names it."""
    return {
        "path": str(path),
        "images": str(images),
        "images_anywhere": anywhere,
        "language": spoken,
        "origin": origin,
        "weight": weight,
    }


def _rows(path: Path) -> Iterable[Any]:
    from passerelle.formats.base import BadRow
    from passerelle.formats.registry import open_format

    return (row for row in open_format(path, "", (), ()).rows(path) if not isinstance(row, BadRow))
