"""What becomes of machine-translated training text before an arm learns from it: gated, drawn at random, or repaired.

Quality knows no training and training no quality (decision 11): here the two meet, and what passes between them is
files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from passerelle.comparison.entries import QualitySettings, Screen
from passerelle.comparison.translating import Made
from passerelle.costs.book import part
from passerelle.costs.ledger import Phase, measured
from passerelle.errors import InputError
from passerelle.formats.saving import save
from passerelle.languages.phrasebook import Phrasebook, read_phrasebook
from passerelle.quality.assessing import Assess
from passerelle.quality.base import PairedRow
from passerelle.quality.engines import Engines
from passerelle.quality.gate import GateSettings, gate
from passerelle.quality.pairs import Paired, PairOptions, read_pairs
from passerelle.runs import cache_folder, content_hash
from passerelle.translation.dataset.rejects import rejected_rows

VERSION = 1
"""Raised when the same file would be screened otherwise."""


@dataclass
class Screening:
    """Gate, random control and repair of one translation.

    Attributes:
        english: The file that was translated.
        machine: Its translation.
        rejects_of: The file whose rejects say which rows have no translation.
        target: BCP-47 code of its language.
        settings: Shares and thresholds.
        folder: Where files go.
        phrasebook: File of sentences that are right by definition, by which the file was translated.
    """

    english: Path
    machine: Path
    rejects_of: Path
    target: str
    settings: QualitySettings
    folder: Path
    phrasebook: Path | None = None

    def through(self, screen: Screen) -> Made:
        """Return what a screen makes of the translation.

        Raises:
            UserError: Something that the user can put right.
            RunError: An engine or a check failed.
        """
        if screen.how == "repair":
            return self.repaired(screen)
        return self.gated() if screen.how == "gate" else self.drawn()

    def gated(self) -> Made:
        """Return the rows that the gate keeps.

        Raises:
            UserError: Something that the user can put right.
            RunError: A check failed.
        """

        def make(out: Path) -> tuple[int, str]:
            counts = gate(self.paired, self.assess, GateSettings(keep_share=self.settings.keep_share), out)
            return int(counts["keep"]), f"gate, the best {self.settings.keep_share:.0%}; {counts['calibrated_on']}"

        return self._made("gate", make)

    def drawn(self) -> Made:
        """Return as many rows, drawn at random: what dropping alone does."""

        def make(out: Path) -> tuple[int, str]:
            order = sorted(self.paired.rows, key=lambda row: content_hash(["random drop", row.row.id]))
            kept = set(order[: round(self.settings.keep_share * len(order))])
            rows = self.paired.with_texts((row, {}) for row in self.paired.rows if row in kept)
            save(self.paired.format, self.paired.path, out, rows)
            return len(kept), "drawn at random"

        return self._made("random", make)

    def repaired(self, screen: Screen) -> Made:
        """Return the translation with its repairs."""
        from passerelle.quality.repair.opening import RepairOptions, repair

        def make(out: Path) -> tuple[int, str]:
            # A memory of its own: people's translations in the user's would be what the repair is held against, and
            # what another repair of the same rows remembers would come into this one.
            memory = out.parent / "repairs.sqlite"
            trees = self.settings.calibration != OUT_OF_FOLD
            book, only = self.phrasebook, screen.only
            options = RepairOptions(self.settings.good, phrasebook=book, shipped_trees=trees, only=only)
            found = repair(self.paired, self.assess, memory, out, options, self._engines)
            return len(self.paired.rows), f"repair, {found['changed']} of {found['pairs']} texts changed"

        return self._made(screen.name, make)

    def _made(self, how: str, make: Callable[[Path], tuple[int, str]]) -> Made:
        """Make a file, unless an earlier run did."""
        determines = [VERSION, how, self.target, self.machine.name, self.settings.model_dump()]
        if self.phrasebook:
            determines.append(read_phrasebook("en", self.target, self.phrasebook).digest)
        key = content_hash(determines)[:8]
        out = self.folder / f"{how}-{key}" / self.machine.name
        if (known := Made.known(out)) is not None:
            return known
        phase = Phase(f"data, {how}")
        with measured(phase), part(f"data, {how}"):
            rows, by = make(out)
        if not rows:
            raise InputError(f"the screen {how!r} keeps no row of {str(self.machine)!r}: raise quality.keep_share.")
        return Made(out, phase, rows, by=by).keep()

    @cached_property
    def paired(self) -> Paired:
        """The two files; texts that the estimate was fitted on are in the cluster that they were in there."""
        options = PairOptions(target_language=self.target)
        paired = read_pairs(self.english, self.machine, options, rejected_rows(self.rejects_of))
        if self.settings.calibration != OUT_OF_FOLD:
            return paired
        _, clusters = self._fitted
        return replace(paired, rows=tuple(_clustered(row, clusters) for row in paired.rows))

    @cached_property
    def assess(self) -> Assess:
        """The estimate that judges.

        Raises:
            MissingDependency: There is none for the language.
        """
        from passerelle.quality.estimate.calibrated import open_assess
        from passerelle.quality.repair.verdict import JUDGE

        if self.settings.calibration == OUT_OF_FOLD:
            return self._fitted[0]
        given = Path(self.settings.calibration) if self.settings.calibration else None
        return open_assess("en", self.target, given, self._store, self.phrasebook, more=(JUDGE,), engines=self._engines)

    @property
    def _store(self) -> Path:
        """Where findings are kept: apart from others, so that their seconds are those of a first run."""
        return self.folder / "assessments.sqlite"

    @cached_property
    def _fitted(self) -> tuple[Assess, dict[str, str]]:
        known = read_phrasebook("en", self.target, self.phrasebook)
        return _out_of_fold(self.target, self._store, known, self._engines)

    @cached_property
    def _engines(self) -> Engines:
        return Engines()


OUT_OF_FOLD = "out-of-fold"


def _out_of_fold(target: str, store: Path, phrasebook: Phrasebook, engines: Engines) -> tuple[Assess, dict[str, str]]:
    """Fit an estimate on the example's captions that judges none of those that it saw.

    Returns:
        The estimate, and the cluster of each text that it was fitted on.
    """
    from passerelle.languages.prompts import english
    from passerelle.quality.assessor import Assessor
    from passerelle.quality.checks.registry import CHECKS, build_checks
    from passerelle.quality.estimate.labels import tux_paint
    from passerelle.quality.estimate.out_of_fold import fit_out_of_fold
    from passerelle.quality.repair.verdict import JUDGE
    from passerelle.quality.store import AssessmentStore

    labelling, names = Engines(), [*CHECKS, JUDGE]
    try:
        labelled = tux_paint(labelling, target)
        with AssessmentStore(cache_folder() / "assessments.sqlite") as known:
            findings = Assessor(build_checks("en", target, labelling, names), known).assess(labelled.pairs)
    finally:
        labelling.close()
    clusters = {pair.source: pair.cluster for pair in labelled.pairs}
    clusters |= {english().ask_whether(source): cluster for source, cluster in clusters.items()}
    assessor = Assessor(build_checks("en", target, engines, names), AssessmentStore(store))
    provenance = {"data": "Tux Paint stamps, training side; extra: CLDR emoji names", "languages": ["en", target]}
    return fit_out_of_fold(assessor, labelled, findings, provenance, phrasebook), clusters


def _clustered(row: PairedRow, clusters: dict[str, str]) -> PairedRow:
    pairs = (replace(pair, cluster=clusters.get(pair.source, pair.cluster)) for pair in row.pairs)
    return replace(row, pairs=tuple(pairs))
