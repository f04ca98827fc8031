"""Checks and calibrated estimate together: what audit, gate and repair ask."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from passerelle.crews.base import Crew
from passerelle.errors import MissingDependency
from passerelle.evaluation.asking.replying import LLM, Taken
from passerelle.languages.codes import language
from passerelle.languages.phrasebook import Phrasebook, read_phrasebook
from passerelle.progress import say
from passerelle.quality.asking import ChecksBetween
from passerelle.quality.assessing import Assess, Assessment, in_blocks
from passerelle.quality.assessor import Assessor
from passerelle.quality.base import UNKNOWN, ErrorClass, Finding, Pair
from passerelle.quality.checks.embedding import EmbeddingCheck
from passerelle.quality.checks.language_model import LanguageModelCheck, taken_by
from passerelle.quality.checks.registry import CHECKS, DEAR, MORE, build_checks
from passerelle.quality.engines import Engines
from passerelle.quality.estimate.estimate import Estimate
from passerelle.quality.estimate.features import Findings, check_of, matrix, with_texts
from passerelle.quality.estimate.fitness import OLDER, Fitness, Seen, fitness_of, moved
from passerelle.quality.estimate.likeness import Summary
from passerelle.quality.known import is_known
from passerelle.quality.store import AssessmentStore
from passerelle.runs import cache_folder

FOREIGN = 0.1
"""Below this score of the check ``language`` a text is taken to be in another language."""
CLEAR = 0.2, 0.8
"""Probabilities by the quick checks alone, beyond which the dear ones are left out if haste is asked for."""


class CalibratedAssess:
    """An `Assess` by checks and a calibration."""

    def __init__(
        self, assessor: Assessor, estimate: Estimate, phrasebook: Phrasebook | None = None, *, quick: bool = False
    ) -> None:
        """Take the checks, what weighs them, and what is right by definition [what ships].

        Args:
            assessor: Asks the checks.
            estimate: Weighs what they say.
            phrasebook: What is right by definition; what ships if ``None``.
            quick: Whether checks that take most of the time are left out where the others agree (see `CLEAR`).
        """
        self._assessor, self._estimate, self._phrasebook = assessor, estimate, phrasebook
        self._quick = quick
        self._asked_of = self._clear = 0
        self._silent: frozenset[str] | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Checks of the estimate that said nothing about any pair so far."""
        return tuple(sorted(self._silent or ()))

    @property
    def calibrated_on(self) -> str:
        """What the estimate was fitted on, which of its checks said nothing, and whose own phrases are right."""
        known = self._estimate.provenance
        area = known["out_of_fold"]["auc"]["value"]
        how = "on sources never seen" if "unseen" in known else "out of fold"
        silent = f"; without {', '.join(self.missing)}, which can't say anything here" if self.missing else ""
        fitted = f"{known['data']} ({known['pairs']:,} pairs; {known['labels']}; AUC {how} {area:.3f})"
        if self.unweighed:
            silent += f"; without a column for {', '.join(self.unweighed)}: that names errors and moves no probability"
        if self._quick:
            silent += f"; {self._clear:,} of {self._asked_of:,} pairs were clear without {', '.join(self._dear)}"
        own = self._phrasebook
        return f"{fitted}{silent}" + (f"; right by definition: {own.own} ({own.digest})" if own and own.own else "")

    @property
    def slack(self) -> float:
        """Standard error of the accepted share among the pairs of the fit, 0..1."""
        known = self._estimate.provenance
        share = float(known["accepted_share"])
        return math.sqrt(share * (1 - share) / max(1, int(known["clusters"])))

    def seen(self, assessed: Sequence[Assessment]) -> Seen:
        """Sum up some pairs; what is right by definition is like anything."""
        kinds, moves = self._estimate.kinds, moved([one.probability for one in assessed])
        checked = [one.findings for one in assessed if one.findings]
        if kinds is None or not checked:
            return Seen(None, frozenset(), moves, len(assessed))
        names = {check_of(name) for name in self._estimate.features}
        findings = {name: [found.get(name, UNKNOWN) for found in checked] for name in names}
        heard = frozenset(self._estimate.checks) - frozenset(self._estimate.missing(findings))
        return Seen(Summary.of(matrix(findings, kinds.columns)), heard, moves, len(assessed))

    def fitness(self, seen: Seen) -> Fitness:
        """Say whether the estimate fits the data."""
        kinds = self._estimate.kinds
        if kinds is None or seen.summary is None:
            return Fitness(OLDER if kinds is None else "", False, self.slack)
        missing = [check for check in self._estimate.checks if check not in seen.heard]
        likeness = kinds.likeness(seen.summary, missing)
        return fitness_of(likeness, seen.moves / max(1, seen.pairs), self._estimate.provenance.get("never_saw", ()))

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds that each check took so far, by its name."""
        return self._assessor.seconds

    @property
    def taken(self) -> Mapping[str, Taken]:
        """What asking paid models took, earlier runs included, by the check's name."""
        return taken_by(self._assessor.checks)

    @property
    def unweighed(self) -> tuple[str, ...]:
        """Checks beside the default ones that the calibration has no column for; repair has its own use for one."""
        names = [check.name for check in self._assessor.checks if check.name in (*MORE, LLM)]
        return tuple(name for name in names if name not in (*self._estimate.checks, EmbeddingCheck.name))

    def estimate(self, pairs: Sequence[Pair]) -> list[Assessment]:
        """Assess each pair by itself; one whose translation is the known one is right, whatever the checks say.

        Raises:
            RunError: An engine or a model that a check needs failed.
        """
        right = [is_known(pair, self._phrasebook) for pair in pairs]
        others = iter(self._checked([pair for pair, known in zip(pairs, right, strict=True) if not known]))
        return [Assessment(1.0) if known else next(others) for known in right]

    def _checked(self, pairs: Sequence[Pair]) -> list[Assessment]:
        assessed: list[Assessment] = []
        for block in in_blocks(pairs):
            found, clear = self._found(block)
            unheard = frozenset(self._estimate.missing(found)) - frozenset(self._dear if self._quick else ())
            self._silent = unheard if self._silent is None else self._silent & unheard
            assessed += self._weighed(found, clear)
        return assessed

    def _weighed(self, findings: Findings, clear: list[int]) -> Iterator[Assessment]:
        """Weigh what was found; by the quick checks' own estimate where the dear ones weren't asked."""
        probabilities, contributions = self._estimate.probability(findings), self._estimate.contributions(findings)
        if clear and self._estimate.quick is not None:
            few = {name: [each[place] for place in clear] for name, each in findings.items()}
            probabilities[clear] = self._estimate.quick.probability(few)
            by_check = self._estimate.quick.contributions(few)
            for name, values in contributions.items():
                values[clear] = by_check.get(name, 0.0)
        for place, probability in enumerate(probabilities):
            found = {name: each[place] for name, each in findings.items() if _says(each[place])}
            added = {name: float(values[place]) for name, values in contributions.items()}
            yield Assessment(float(probability), found, _blamed(found, added), added)

    @property
    def _dear(self) -> list[str]:
        return [name for name in self._assessor.seconds if name in DEAR or name == LLM]

    def _found(self, pairs: Sequence[Pair]) -> tuple[dict[str, Sequence[Finding]], list[int]]:
        """Ask all checks; in haste the dear ones only about pairs that are in doubt after the quick ones.

        Returns:
            The findings, and the places of the pairs that were clear without the dear checks.
        """
        if not self._quick:
            return with_texts(self._assessor.assess(pairs), pairs), []
        dear = self._dear
        quick = [name for name in self._assessor.seconds if name not in dear]
        found = with_texts(self._assessor.assess(pairs, names=quick), pairs)
        low, high = CLEAR
        by_quick = (self._estimate.quick or self._estimate).probability(found)
        doubtful = [place for place, value in enumerate(by_quick) if low < value < high]
        asked = {name: [UNKNOWN] * len(pairs) for name in dear}
        more = self._assessor.assess([pairs[place] for place in doubtful], names=dear) if doubtful else {}
        for name, findings in more.items():
            for place, finding in zip(doubtful, findings, strict=True):
                asked[name][place] = finding
        self._asked_of += len(pairs)
        clear = sorted(set(range(len(pairs))) - set(doubtful))
        self._clear += len(clear)
        return {**found, **asked}, clear


def _says(finding: Finding) -> bool:
    return finding.is_known or bool(finding.reason or finding.values)


def _blamed(findings: Mapping[str, Finding], contributions: Mapping[str, float]) -> ErrorClass | None:
    """Return the class of the error that speaks most against a pair, of those that a check names.

    A text in another language fails every check: it is that, whichever check weighs most.
    """
    spoken = findings.get("language")
    if spoken is not None and spoken.error is not None and spoken.score < FOREIGN:
        return spoken.error
    named = [name for name, finding in findings.items() if finding.error is not None]
    if not named:
        return None
    return findings[min(named, key=lambda name: (contributions.get(name, 0.0), findings[name].score))].error


def open_assess(
    source: str,
    target: str,
    calibration: Path | None = None,
    store: Path | None = None,
    phrasebook: Path | None = None,
    more: Sequence[str] = (),
    *,
    quick: bool = False,
    crew: Crew | None = None,
    engines: Engines | None = None,
) -> Assess:
    """Open the checks and the estimate between two languages.

    Checks that take a model are asked where the calibration reads them, or where they are named.

    Args:
        source: Any code or name of the source language.
        target: The same of the target language.
        calibration: A file of ``passerelle quality fit``; the one that ships if ``None``.
        store: Where findings are kept; in the cache if ``None``.
        phrasebook: File of sentences that are right by definition, before those that ship.
        more: Names of checks beside those by default and those of the calibration, for who reads their findings.
        quick: Whether the dear checks are left out where the others agree.
        crew: Workers that ask the checks; this process does if ``None``.
        engines: What the checks of this process translate with, where others have it translate too.

    Raises:
        ConfigError: Unknown language or check, or the calibration was fitted with another language model.
        InputError: The calibration or the phrasebook can't be read.
        MissingDependency: No calibration ships for the languages and none is given, or a check lacks its model.
        StorageError: The store can't be used.
    """
    codes = language(source).bcp47, language(target).bcp47
    known = read_phrasebook(*codes, phrasebook)
    estimate = Estimate.shipped(*codes) if calibration is None else Estimate.load(calibration)
    if estimate is None:
        there = Estimate.shipped_targets(codes[0])
        known_ones = f" (from {codes[0]} there are some to {', '.join(there)})" if there else ""
        raise MissingDependency(
            f"no calibration from {codes[0]} to {codes[1]} ships{known_ones}. Fit one on pairs that people judged: "
            f"passerelle quality fit LABELS --source {codes[0]} --to {codes[1]}, then name it with --calibration."
        )
    named = [name for name in MORE if name in estimate.checks or name in more]
    checks = build_checks(*codes, engines or Engines(), [*CHECKS, *named, *more])
    for check in checks:
        if isinstance(check, LanguageModelCheck) and check.name in estimate.checks:
            check.need_fitted(str(estimate.provenance.get("checks", {}).get(check.name)))
        if isinstance(check, EmbeddingCheck):
            check.require()  # what is missing is named before any work
    kept = AssessmentStore(store or cache_folder() / "assessments.sqlite")
    shared = [check.name for check in checks if not isinstance(check, LanguageModelCheck)]
    assessor = Assessor(checks, kept, crew, ChecksBetween(*codes, tuple(shared)))
    found = CalibratedAssess(assessor, estimate, known, quick=quick)
    for name in found.unweighed:
        say(
            f"{name} has no column in the calibration: it names errors, and moves no probability. "
            "`passerelle quality fit LABELS --check …` fits one that has."
        )
    return found
