"""What making the training texts will cost; until they are made, English stands in for its translation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from passerelle.adaptation.settings import AdaptSettings
from passerelle.comparison.entries import Screen
from passerelle.comparison.planning.amounts import GUESSED, Amounts
from passerelle.comparison.screening import Screening
from passerelle.comparison.settings import ENGLISH_DATA, MACHINE
from passerelle.comparison.texts import Texts
from passerelle.comparison.translating import Made
from passerelle.costs.clocks import Stopwatch
from passerelle.costs.ledger import Phase
from passerelle.errors import PasserelleError
from passerelle.formats.base import BadRow
from passerelle.formats.conversations import read_conversations
from passerelle.formats.registry import open_format
from passerelle.formats.saving import save
from passerelle.models.conversing import Encoder
from passerelle.models.pretrained import outline
from passerelle.progress import say
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.rejects import rejected_rows
from passerelle.translation.dataset.run import translate
from passerelle.translation.dataset.survey import survey

SAMPLE_ROWS = 48
"""Rows that are really translated and screened."""
_FIRST_ROWS = 8
"""Rows that are screened before, so that what a screen reads first isn't taken for its speed."""
_CUT = ("gate", "random")
"""Screens that keep a share of the rows."""


@dataclass
class StandIns(Texts):
    """The training texts of a comparison that isn't run: what isn't made is stood in for by the English rows.

    Attributes:
        scratch: A folder that goes when all is known.
        notes: What couldn't be found out.
    """

    scratch: Path = Path()
    notes: list[str] = field(default_factory=list)

    def made(self, arm: str) -> list[Made]:
        """Return as many rows as an arm will learn from: the translation's where it is made, the English ones'."""
        source = self.known.path if self.known else self._file(ENGLISH_DATA)[0]
        keeps = self.experiment.quality.keep_share if self.experiment.screened(arm) in _CUT else 1.0
        if keeps == 1:
            return [Made(source, Phase(""), 0)]
        out = self.scratch / f"kept-{keeps:g}{source.suffix}"
        if not out.exists():
            cut(source, out, round(keeps * rows_of(source)))
        return [Made(out, Phase(""), 0)]

    @cached_property
    def known(self) -> Made | None:
        """The translation, where an earlier run made it."""
        return Made.known(self.translation.out)

    def translating(self) -> Amounts:
        """Return what translating the English file will take: what the memory knows costs nothing."""
        return Amounts() if self.known else self._surveyed[0]

    def growth(self, arm: str, settings: AdaptSettings) -> float:
        """Return how many tokens an arm's samples have for each that those have which stand in for them.

        Args:
            arm: A trained arm.
            settings: Its settings.
        """
        if MACHINE not in self.experiment.texts(arm) or self.known or self.sample is None:
            return 1.0
        english, machine = self.sample
        outlined = outline(settings.model_name_or_path, trust_remote_code=settings.trust_remote_code)
        model = Encoder(outlined, settings.max_length)
        images = self._file(ENGLISH_DATA)[1]
        lengths = []
        for path in (english, machine):
            found, _ = read_conversations(path, images=images, language="", origin="machine", anywhere=True)
            rows = [row for conversation in found for row in model(conversation)]
            lengths.append(sum(map(len, rows)) / max(1, len(rows)))
        share = 1 / len(self.experiment.texts(arm))
        return 1 + share * (lengths[1] / lengths[0] - 1) if all(lengths) else 1.0

    def screening(self, screen: Screen) -> Amounts | None:
        """Return what a screen will take; ``None`` where that can't be found out."""
        if self.sample is None:
            self.notes.append(f"What {screen.name!r} takes isn't foreseen: it would have to translate first.")
            return None
        try:
            took = [self._screened(screen, count) for count in (_FIRST_ROWS, SAMPLE_ROWS)]
        except PasserelleError as error:
            self.notes.append(f"What {screen.name!r} takes isn't foreseen: {error}")
            return None
        rows = rows_of(self._file(ENGLISH_DATA)[0])
        return Amounts.of(took[0].took) + took[1] * (rows / min(rows, SAMPLE_ROWS))

    def _screened(self, screen: Screen, count: int) -> Amounts:
        assert self.sample
        folder = self.scratch / f"screened-{screen.name}-{count}"
        folder.mkdir()
        english, machine = (folder / path.name for path in self.sample)
        lost = sum(number <= count for number in rejected_rows(self.sample[1]))
        cut(self.sample[0], english, count)
        cut(self.sample[1], machine, count - lost)
        settings, book = self.experiment.quality, self.experiment.translation.phrasebook
        cut_down = Screening(english, machine, self.sample[1], self.experiment.target, settings, folder, book)
        watch = Stopwatch()
        cut_down.through(screen)
        return Amounts.of(watch.took(), GUESSED)

    @cached_property
    def sample(self) -> tuple[Path, Path] | None:
        """The first rows and their translation; ``None`` where an engine would have to be paid for it."""
        job = self.translation
        if not self.known and self._surveyed[1]:
            self.notes.append(
                "The engine is paid for, so nothing is translated yet: English text stands in for its translation."
            )
            return None
        english = self.scratch / f"sample{job.source.suffix}"
        cut(job.source, english, SAMPLE_ROWS)
        out = self.scratch / f"sample-translated{job.source.suffix}"
        images = self._file(ENGLISH_DATA)[1]  # the example's pictures don't lie beside its files
        translate(replace(job, source=english, out=out, images=images, images_anywhere=True), lambda done: None)
        return english, out

    @cached_property
    def _surveyed(self) -> tuple[Amounts, bool]:
        return _surveyed(self.translation)


def foresee_translation(job: Job) -> Amounts:
    """Return what translating a file will take, by the survey of `passerelle translate --dry-run`."""
    return _surveyed(job)[0]


def _surveyed(job: Job) -> tuple[Amounts, bool]:
    say(f"{job.source.name}: what there is to translate")
    found = survey(job)
    if found.took is None:
        return Amounts(engine_eur=getattr(found.spent, "cost", 0.0)), True
    return Amounts.of(found.took, GUESSED), False


def cut(source: Path, out: Path, count: int) -> None:
    """Write the first rows of a file, in its format."""
    data_format = open_format(source, "", (), ())
    save(data_format, source, out, ((row, {}) for row in islice(_rows(source), count)))


def rows_of(source: Path) -> int:
    """Return how many rows a file has that can be read."""
    return sum(1 for _ in _rows(source))


def _rows(source: Path) -> Iterator[Any]:
    return (row for row in open_format(source, "", (), ()).rows(source) if not isinstance(row, BadRow))
