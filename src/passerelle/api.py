"""The commands from Python: each takes paths and settings, returns a typed record, and is silent unless asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passerelle.errors import InputError
from passerelle.progress import shown
from passerelle.runs import cache_folder

if TYPE_CHECKING:
    from passerelle.adaptation.settings import AdaptSettings
    from passerelle.comparison.settings import Experiment
    from passerelle.evaluation.statistics.figures import Comparison as Difference
    from passerelle.evaluation.statistics.figures import Figure
    from passerelle.quality.audit import Audit
    from passerelle.report.contents import Contents
    from passerelle.translation.dataset.summary import Summary

PathLike = Path | str


@dataclass(frozen=True)
class Gated:
    """Rows sorted by the gate.

    Attributes:
        kept: File of the kept rows.
        repairs: File of the rows that are to be repaired.
        dropped: File of the others.
        rows: How many there were.
        keep: How many are kept.
        repair: How many are to be repaired.
        drop: How many are dropped.
        calibrated_on: What the estimate was fitted on.
    """

    kept: Path
    repairs: Path
    dropped: Path
    rows: int
    keep: int
    repair: int
    drop: int
    calibrated_on: str


@dataclass(frozen=True)
class RepairedFile:
    """A repaired translation.

    Attributes:
        out: The file.
        review: What is left for people, the most gainful first.
        pairs: Texts that were looked at.
        changed: How many became others.
        ways: How many by each way of repairing.
        for_review: How many are left for people.
        mean_before: Mean probability that a native reader would accept a text, before.
        mean_after: The same, after.
    """

    out: Path
    review: Path
    pairs: int
    changed: int
    ways: Mapping[str, int]
    for_review: int
    mean_before: float
    mean_after: float


@dataclass(frozen=True)
class Adaptation:
    """What an adaptation left.

    Attributes:
        model: Folder of the adapter, or of the model where there is no adapter.
        outputs: All folders, by kind: ``adapter``, ``model``, ``merged``.
        record: All that was done, as in ``run.json``.
    """

    model: Path
    outputs: Mapping[str, Path]
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        figures: Every figure with its interval.
        comparisons: Paired differences.
        notes: What couldn't be asked or read, for people.
        answers: The file of all answers.
        warnings: What whoever sees a headline score has to know of it: how much couldn't be read.
        report: The page.
    """

    figures: tuple[Figure, ...]
    comparisons: tuple[Difference, ...]
    notes: tuple[str, ...]
    answers: Path
    warnings: tuple[str, ...] = ()
    report: Path | None = None


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes:
        contents: Arms with scores and costs, and paired differences.
        report: The page.
        results: All of it, as in ``results.json``.
    """

    contents: Contents
    report: Path
    results: Mapping[str, Any] = field(repr=False)


def translate(
    source: PathLike,
    *,
    to: str,
    out: PathLike,
    memory: PathLike | None = None,
    images: PathLike | None = None,
    progress: bool = False,
    **options: Any,
) -> Summary:
    """Translate a data set in its own format; see ``passerelle translate``.

    Args:
        source: The data file.
        to: The language.
        out: The file to write.
        memory: Translation memory [the one in the cache].
        images: Folder of the images; each row's are looked at.
        progress: Whether to show progress on stderr.
        options: As `passerelle.translation.dataset.job.Job` has them: ``engine``, ``fields``, ``glossary``, …
    """
    from passerelle.translation.dataset.job import Job
    from passerelle.translation.dataset.run import translate as run

    job = Job(
        source=Path(source),
        out=Path(out),
        target_language=to,
        memory=Path(memory) if memory else cache_folder() / "translations.sqlite",
        images=Path(images) if images else None,
        **options,
    )
    with shown(progress):
        return run(job)


def audit(
    source: PathLike,
    translated: PathLike,
    *,
    to: str,
    labels: PathLike | None = None,
    calibration: PathLike | None = None,
    phrasebook: PathLike | None = None,
    checks: Sequence[str] = (),
    **options: Any,
) -> Audit:
    """Estimate what a translation loses; see ``passerelle audit``.

    Args:
        source: The data file.
        translated: Its translation.
        to: The language of the translation.
        labels: Table of what people say of some pairs; see `passerelle.quality.estimate.labels.read_labels`.
        calibration: File of the estimate [the one that ships].
        phrasebook: File of sentences that are right by definition, before those that ship.
        checks: Checks beside the default ones: ``picture``, ``cometkiwi``, ``metricx``, ``llm:MODEL@URL``.
        options: As `passerelle.quality.pairs.PairOptions` has them: ``fields``, ``images``, …
    """
    from passerelle.quality.audit import audit as run
    from passerelle.quality.estimate.labels import read_labels

    paired, assess = _opened(source, translated, to, calibration, phrasebook, checks, options)
    codes = paired.languages
    return run(paired.pairs, assess, labels=None if labels is None else read_labels(Path(labels), *codes))


def gate(
    source: PathLike,
    translated: PathLike,
    *,
    to: str,
    out: PathLike,
    thresholds: Mapping[str, float] | None = None,
    calibration: PathLike | None = None,
    phrasebook: PathLike | None = None,
    checks: Sequence[str] = (),
    **options: Any,
) -> Gated:
    """Sort translated rows into keep, repair and drop; see ``passerelle gate``.

    Args:
        source: The data file.
        translated: Its translation.
        to: The language of the translation.
        out: File of the kept rows.
        thresholds: ``keep_above``, ``drop_below`` or ``keep_share``.
        calibration: File of the estimate [the one that ships].
        phrasebook: File of sentences that are right by definition, before those that ship.
        checks: Checks beside the default ones: ``picture``, ``cometkiwi``, ``metricx``, ``llm:MODEL@URL``.
        options: As `passerelle.quality.pairs.PairOptions` has them.
    """
    from passerelle.quality.gate import gate as run
    from passerelle.quality.gate import load_gate

    paired, assess = _opened(source, translated, to, calibration, phrasebook, checks, options)
    found = run(paired, assess, load_gate(None, dict(thresholds or {})), Path(out))
    counts = {key: found[key] for key in ("rows", "keep", "repair", "drop", "calibrated_on")}
    return Gated(Path(found["kept"]), Path(found["repairs"]), Path(found["dropped"]), **counts)


def repair(
    source: PathLike,
    translated: PathLike,
    *,
    to: str,
    out: PathLike,
    good: float = 0.7,
    only: Sequence[str] = (),
    memory: PathLike | None = None,
    calibration: PathLike | None = None,
    phrasebook: PathLike | None = None,
    checks: Sequence[str] = (),
    **options: Any,
) -> RepairedFile:
    """Repair a translation; see ``passerelle repair``.

    Args:
        source: The data file.
        translated: Its translation.
        to: The language of the translation.
        out: The file to write.
        good: Texts of at least this probability stay as they are.
        only: Kinds of texts that are repaired: ``caption``, ``question``, ``option``, ``answer``, ``text`` [all].
        memory: Translation memory [the one in the cache].
        calibration: File of the estimate [the one that ships].
        phrasebook: File of sentences that are right by definition, before those that ship.
        checks: Checks beside the default ones: ``picture``, ``cometkiwi``, ``metricx``, ``llm:MODEL@URL``.
        options: As `passerelle.quality.pairs.PairOptions` has them.
    """
    from passerelle.quality.engines import Engines
    from passerelle.quality.repair.opening import RepairOptions
    from passerelle.quality.repair.opening import repair as run
    from passerelle.quality.repair.verdict import JUDGE

    engines = Engines()
    paired, assess = _opened(source, translated, to, calibration, phrasebook, (*checks, JUDGE), options, engines)
    at = Path(memory) if memory else cache_folder() / "translations.sqlite"
    how = RepairOptions(good, phrasebook=Path(phrasebook) if phrasebook else None, only=tuple(only))
    found = run(paired, assess, at, Path(out), how, engines)
    counts = {key: found[key] for key in ("pairs", "changed", "ways", "for_review", "mean_before", "mean_after")}
    return RepairedFile(Path(found["out"]), Path(found["review"]), **counts)


def _opened(
    source: PathLike,
    translated: PathLike,
    to: str,
    calibration: PathLike | None,
    phrasebook: PathLike | None,
    checks: Sequence[str],
    options: Mapping[str, Any],
    engines: Any = None,
) -> tuple[Any, Any]:
    from passerelle.quality.estimate.calibrated import open_assess
    from passerelle.quality.pairs import PairOptions, read_pairs

    images = options.get("images")
    how = PairOptions(**{**options, "target_language": to, "images": Path(images) if images else None})
    paired = read_pairs(Path(source), Path(translated), how)
    given, known = (Path(path) if path else None for path in (calibration, phrasebook))
    with shown(False):
        codes = how.source_language, how.target_language
        return paired, open_assess(*codes, given, phrasebook=known, more=checks, engines=engines)


def adapt(
    settings: PathLike | Mapping[str, Any] | AdaptSettings, *, progress: bool = False, **changes: Any
) -> Adaptation:
    """Adapt a model; see ``passerelle adapt``.

    Args:
        settings: The YAML file, or what is in one.
        progress: Whether to show progress, parts and labels on stderr.
        changes: Settings that replace those of the file.

    Raises:
        InputError: This isn't the first of several processes, which has the outputs.
    """
    from passerelle.adaptation.run import adapt as run
    from passerelle.adaptation.settings import AdaptSettings, complete_adaptation, load_adaptation
    from passerelle.config import merge, parse_settings

    if isinstance(settings, str | Path):
        settings = load_adaptation(Path(settings), changes)
    elif isinstance(settings, Mapping):
        settings = parse_settings(AdaptSettings, complete_adaptation(merge(dict(settings), changes)), "settings")
    with shown(progress):
        record = run(settings)
    if "outputs" not in record:
        raise InputError("the outputs are with the first of the processes.")
    outputs = {kind: Path(path) for kind, path in record["outputs"].items()}
    model = next(outputs[kind] for kind in ("merged", "adapter", "model") if kind in outputs)
    return Adaptation(model, outputs, record)


def evaluate(
    models: Sequence[str],
    benchmarks: Sequence[str],
    *,
    languages: Sequence[str] = ("en",),
    out: PathLike = "evaluation",
    progress: bool = False,
    **options: Any,
) -> Evaluation:
    """Ask models benchmarks and score the answers; see ``passerelle evaluate``.

    Args:
        models: As the command names them: ``embedded``, folders, ``runs/demo:lora``, ``pipeline{ENGINE}:…``.
        benchmarks: ``NAME=PATH``, with ``{language}`` in a path.
        languages: Codes.
        out: Folder of answers and results.
        progress: Whether to show progress on stderr.
        options: As `passerelle.evaluation.run.Options` has them: ``method``, ``predictions``, ``limit``, …
    """
    from passerelle.evaluation.run import Options
    from passerelle.evaluation.run import evaluate as run
    from passerelle.evaluation.statistics.figures import Comparison as Difference
    from passerelle.evaluation.statistics.figures import Figure
    from passerelle.report.evaluated.page import write_evaluation_page

    given = Options(tuple(models), tuple(benchmarks), ",".join(languages), out=Path(out), **options)
    with shown(progress):
        found = run(given)
    page = write_evaluation_page(found, Path(out), Path(out) / "report.html", keep=True)
    return Evaluation(
        tuple(Figure(**row) for row in found["figures"]),
        tuple(Difference(**row) for row in found["comparisons"]),
        tuple(found["notes"]),
        Path(out) / "answers.jsonl",
        tuple(found["warnings"]),
        page,
    )


def compare(
    experiment: PathLike | Mapping[str, Any] | Experiment, folder: PathLike | None = None, *, progress: bool = False
) -> Comparison:
    """Run a comparison; see ``passerelle compare``.

    Args:
        experiment: The YAML file, or what is in one.
        folder: The run folder [runs/NAME].
        progress: Whether to show progress on stderr.
    """
    from passerelle.comparison.run import compare as run
    from passerelle.comparison.settings import as_experiment
    from passerelle.report.parse import read_results

    settings = as_experiment(experiment)
    place = Path(folder) if folder else Path("runs") / settings.name
    with shown(progress):
        results = run(settings, place)
    return Comparison(read_results(results), place / "report.html", results)
