"""Scores of one arm and differences between two, with intervals, from questions and answers alone.

Percentages and AUC run from 0 to 100. Yes/no questions are always scored by summed log-likelihood; the rule
is for choices.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from passerelle.errors import InputError
from passerelle.evaluation.metrics.captions import chrf_from_sums, chrf_signature, chrf_statistics
from passerelle.evaluation.metrics.choice import as_rule, choices
from passerelle.evaluation.metrics.fidelity import judge
from passerelle.evaluation.metrics.yes_no import YesNo, yes_no
from passerelle.evaluation.statistics import significance
from passerelle.evaluation.statistics.significance import FloatArray, Statistic
from passerelle.languages.identify import engine
from passerelle.records import CHOICE_KINDS, Answer, Question, QuestionKind

Direction = Literal["higher", "none"]

VERSION = "0.1.0"
"""Version of the scoring: raise it whenever the same answers would score differently."""

ALL = "all"
"""Name of the slice that holds every source."""

YES_NO_RULE = "sum"


@dataclass(frozen=True)
class Score:
    """One figure of one arm on one slice of a test.

    Attributes:
        metric: A key of `METRICS`.
        test: The test's name.
        source: ``all``, or the source of the pictures.
        value: The figure; the mean over training seeds.
        low: Lower end of the 95% interval over pictures.
        high: Upper end.
        items: Questions counted.
        pictures: Pictures that they are about: the sample size that the interval rests on.
        unit: ``%`` or ``chrF points``.
        direction: ``higher`` is better, or ``none`` for diagnostics.
        signature: How it was computed, sacrebleu-style.
        by_seed: The figure of each training seed, in the order given: their spread isn't in the interval.
        unscored: Answers, over all seeds, without usable option scores; counted as wrong.
    """

    metric: str
    test: str
    source: str
    value: float
    low: float
    high: float
    items: int
    pictures: int
    unit: str
    direction: Direction
    signature: str
    by_seed: tuple[float, ...] = ()
    unscored: int = 0


@dataclass(frozen=True)
class Difference:
    """One metric of `arm` minus that of `against` on the same questions, in points, with interval and p.

    `holm_p` is p corrected for the family that it was passed to `holm` with; ``None`` before.
    """

    arm: str
    against: str
    metric: str
    test: str
    source: str
    difference: float
    low: float
    high: float
    p: float
    holm_p: float | None = None


@dataclass(frozen=True)
class _Settings:
    rule: str
    language: str


@dataclass(frozen=True)
class _Measured:
    statistic: Statistic
    unscored: int = 0


_Measure = Callable[[Sequence[Question], Sequence[Answer], _Settings], _Measured]


@dataclass(frozen=True)
class Metric:
    """What a metric needs and how it is computed."""

    kinds: tuple[QuestionKind, ...]
    measure: _Measure
    signature: Callable[[_Settings], str]
    direction: Direction = "higher"
    unit: str = "%"


def _percent(values: Sequence[bool] | FloatArray) -> Statistic:
    return significance.mean_of(100.0 * np.asarray(values, dtype=np.float64))


def _choice(questions: Sequence[Question], answers: Sequence[Answer], settings: _Settings) -> _Measured:
    made = choices(questions, answers, settings.rule)
    return _Measured(_percent(made.right.astype(np.float64)), made.unscored)


def _yes_no(pick: Callable[[YesNo], Statistic]) -> _Measure:
    def measure(questions: Sequence[Question], answers: Sequence[Answer], settings: _Settings) -> _Measured:
        said = yes_no(questions, answers, YES_NO_RULE)
        return _Measured(pick(said), said.unscored)

    return measure


def _auc(said: YesNo) -> Statistic:
    area = significance.auc_of(said.truth, said.margin)
    return lambda draws: 100 * area(draws)


def _chrf(questions: Sequence[Question], answers: Sequence[Answer], settings: _Settings) -> _Measured:
    counts = chrf_statistics([a.text for a in answers], [q.reference for q in questions])
    return _Measured(significance.corpus_of(counts, chrf_from_sums))


def _verdicts(questions: Sequence[Question], answers: Sequence[Answer], settings: _Settings) -> list[str]:
    pairs = zip(questions, answers, strict=True)
    return [judge(answer.text, question.prompt, settings.language).verdict for question, answer in pairs]


def _fidelity(questions: Sequence[Question], answers: Sequence[Answer], settings: _Settings) -> _Measured:
    verdicts = _verdicts(questions, answers, settings)
    counts = [(verdict == "target", verdict != "unknowable") for verdict in verdicts]

    def share(sums: FloatArray) -> FloatArray:
        known = sums[:, 1]
        return np.divide(100 * sums[:, 0], known, out=np.full_like(known, np.nan), where=known > 0)

    return _Measured(significance.corpus_of(counts, share))


def _unknowable(questions: Sequence[Question], answers: Sequence[Answer], settings: _Settings) -> _Measured:
    return _Measured(_percent([v == "unknowable" for v in _verdicts(questions, answers, settings)]))


def _fidelity_signature(settings: _Settings) -> str:
    return f"lang:{settings.language}|id:{engine(settings.language)}+lexicon"


METRICS: dict[str, Metric] = {
    "choice-random": Metric(("choice-random",), _choice, lambda s: f"acc|rule:{s.rule}"),
    "choice-category": Metric(("choice-category",), _choice, lambda s: f"acc|rule:{s.rule}"),
    "choice": Metric(CHOICE_KINDS, _choice, lambda s: f"acc|rule:{s.rule}"),
    "yes-no": Metric(
        ("yes-no",),
        _yes_no(lambda y: _percent(y.right.astype(np.float64))),
        lambda s: f"acc|rule:{YES_NO_RULE}",
    ),
    "yes-no-auc": Metric(("yes-no",), _yes_no(_auc), lambda s: f"auc|rule:{YES_NO_RULE}"),
    "yes-rate": Metric(
        ("yes-no",),
        _yes_no(lambda y: _percent(y.said_yes.astype(np.float64))),
        lambda s: f"rate|rule:{YES_NO_RULE}",
        direction="none",
    ),
    "caption-chrf": Metric(("caption",), _chrf, lambda s: chrf_signature(), unit="chrF points"),
    "fidelity": Metric(("caption",), _fidelity, lambda s: f"fidelity|{_fidelity_signature(s)}"),
    "unknowable": Metric(("caption",), _unknowable, lambda s: f"unknowable|{_fidelity_signature(s)}", direction="none"),
}


def score_arm(
    questions: Sequence[Question],
    answers_by_seed: Sequence[Mapping[str, Answer]],
    *,
    rule: str,
    test: str,
    language: str,
) -> list[Score]:
    """Score one arm, over all sources and source by source.

    Args:
        questions: The test, in one language.
        answers_by_seed: For each training seed, the answers by question id.
        rule: The scoring rule for choices; see `passerelle.evaluation.metrics.choice`.
        test: The test's name, for the records.
        language: The language asked for, ISO 639-1.

    Returns:
        A score for each metric and slice that has questions. A figure that a slice doesn't define is left
        out: the AUC where all answers are yes or all no, fidelity where no answer shows a language.

    Raises:
        InputError: If there are no questions or seeds, ids repeat, or an answer is missing.
        ConfigError: If there is no such rule.
    """
    settings = _Settings(as_rule(rule), language)
    _check(questions, answers_by_seed)
    scores = []
    for source, name, asked in _slices(questions):
        measured = _by_seed(name, asked, answers_by_seed, settings)
        score = _score(name, asked, measured, settings)
        if not np.isnan(score.value):
            scores.append(dataclasses.replace(score, test=test, source=source))
    return scores


def compare_arms(
    questions: Sequence[Question],
    a_by_seed: Sequence[Mapping[str, Answer]],
    b_by_seed: Sequence[Mapping[str, Answer]],
    *,
    rule: str,
    test: str,
    arm: str,
    against: str,
    language: str,
) -> list[Difference]:
    """Compare two arms on the same questions: first minus second, pictures drawn once for both.

    Each arm is averaged over its own seeds, whose number may differ. Diagnostics without a direction are left
    out.

    Args:
        questions: The test, in one language.
        a_by_seed: Answers of `arm` by question id, for each training seed.
        b_by_seed: Answers of `against`.
        rule: The scoring rule for choices.
        test: The test's name.
        arm: Name of the first arm.
        against: Name of the second.
        language: The language asked for, ISO 639-1.

    Returns:
        A difference for each metric and slice that defines it in both arms; `holm_p` isn't set yet.

    Raises:
        InputError: As `score_arm`.
        ConfigError: If there is no such rule.
    """
    settings = _Settings(as_rule(rule), language)
    _check(questions, a_by_seed)
    _check(questions, b_by_seed)
    found = []
    for source, name, asked in _slices(questions):
        if METRICS[name].direction == "none":
            continue
        first, second = (_mean(_by_seed(name, asked, by_seed, settings)) for by_seed in (a_by_seed, b_by_seed))
        pictures = [question.picture for question in asked]
        paired = significance.paired_difference(first, second, pictures, bounds=(-100.0, 100.0))
        if not np.isnan(paired.value):
            found.append(Difference(arm, against, name, test, source, paired.value, paired.low, paired.high, paired.p))
    return found


def holm(differences: Sequence[Difference]) -> list[Difference]:
    """Fill in `holm_p`, taking all the differences given as one family."""
    adjusted = significance.holm_adjust([difference.p for difference in differences])
    return [dataclasses.replace(d, holm_p=p) for d, p in zip(differences, adjusted, strict=True)]


def _slices(questions: Sequence[Question]) -> list[tuple[str, str, list[Question]]]:
    """List (source, metric, questions) for every metric and slice with questions; all sources first."""
    slices = []
    for source in (ALL, *sorted({question.source for question in questions})):
        for name, metric in METRICS.items():
            asked = [q for q in questions if q.kind in metric.kinds and source in (ALL, q.source)]
            if asked:
                slices.append((source, name, asked))
    return slices


def _by_seed(
    name: str, asked: Sequence[Question], answers_by_seed: Sequence[Mapping[str, Answer]], settings: _Settings
) -> list[_Measured]:
    measure = METRICS[name].measure
    return [measure(asked, [answers[q.id] for q in asked], settings) for answers in answers_by_seed]


def _mean(measured: Sequence[_Measured]) -> Statistic:
    return significance.average([each.statistic for each in measured])


def _score(name: str, asked: Sequence[Question], measured: Sequence[_Measured], settings: _Settings) -> Score:
    """Compute one score; its test and source are filled in by the caller."""
    metric, pictures = METRICS[name], [question.picture for question in asked]
    interval = significance.cluster_bootstrap(_mean(measured), pictures, bounds=(0.0, 100.0))
    once = np.ones((1, len(asked)))
    return Score(
        metric=name,
        test="",
        source="",
        value=interval.value,
        low=interval.low,
        high=interval.high,
        items=len(asked),
        pictures=len(set(pictures)),
        unit=metric.unit,
        direction=metric.direction,
        signature=_signature(metric.signature(settings), len(measured)),
        by_seed=tuple(float(each.statistic(once)[0]) for each in measured),
        unscored=sum(each.unscored for each in measured),
    )


def _signature(metric: str, seeds: int) -> str:
    bootstrap = f"ci:cluster-bootstrap-{significance.RESAMPLES}|seed:{significance.SEED}"
    return f"{metric}|arm-seeds:{seeds}|{bootstrap}|v:{VERSION}"


def _check(questions: Sequence[Question], answers_by_seed: Sequence[Mapping[str, Answer]]) -> None:
    if not questions or not answers_by_seed:
        raise InputError(f"nothing to score: {len(questions)} questions, {len(answers_by_seed)} seeds of answers")
    ids = [question.id for question in questions]
    if len(set(ids)) < len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise InputError(f"question ids must be unique: {twice!r} occurs more than once")
    for seed, answers in enumerate(answers_by_seed):
        missing = [i for i in ids if i not in answers]
        if missing:
            raise InputError(
                f"{len(missing)} of {len(ids)} questions have no answer from seed number {seed}, for example "
                f"{missing[0]!r}; let the arm answer them first"
            )
