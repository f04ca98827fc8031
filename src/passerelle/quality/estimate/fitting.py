"""Fit the estimate from labels to a calibration's content: what `quality fit` and `review apply` do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from passerelle.quality.assessor import Assessor
from passerelle.quality.base import Finding
from passerelle.quality.checks.language_model import taken_by
from passerelle.quality.checks.registry import CHECKS, build_checks
from passerelle.quality.engines import Engines
from passerelle.quality.estimate.calibrate import Labelled, by_check, fit, need_scikit_learn
from passerelle.quality.estimate.features import Findings
from passerelle.quality.store import AssessmentStore
from passerelle.quality.unsaid import unsaid
from passerelle.runs import cache_folder, write_atomically


def fit_calibration(
    label: Callable[[Engines], Labelled], source: str, target: str, data: str, more: Sequence[str] = ()
) -> dict[str, Any]:
    """Ask every check about labelled pairs, and fit the estimate on what they say.

    Args:
        label: Gives the pairs and their labels; it may use the engines.
        source: BCP-47 code of the sources.
        target: BCP-47 code of the translations.
        data: What the labels are of, for people.
        more: Names of checks beside the default ones.

    Returns:
        The content of a calibration file; `provenance` holds its figures, those of each check under ``by_check``.

    Raises:
        InputError: Too few pairs, or too few of one kind.
        MissingDependency: scikit-learn isn't installed.
        RunError: An engine or a model that a check needs failed.
    """
    need_scikit_learn()
    engines = Engines()
    try:
        labelled = label(engines)
        checks = build_checks(source, target, engines, [*CHECKS, *more])
        with AssessmentStore(cache_folder() / "assessments.sqlite") as store:
            findings = Assessor(checks, store).assess(labelled.pairs)
        provenance = {
            "data": data,
            "languages": [source, target],
            "checks": {check.name: check.signature for check in checks},
            "asked": {name: asdict(taken) for name, taken in taken_by(checks).items()},
            "unsaid": [str(one) for one in unsaid(_by_pair(findings))],
        }
    finally:
        engines.close()
    content = fit(labelled, findings, provenance)
    content["provenance"]["by_check"] = by_check(labelled, findings)
    return content


def _by_pair(findings: Findings) -> Iterator[Mapping[str, Finding]]:
    for row in zip(*findings.values(), strict=True):
        yield dict(zip(findings, row, strict=True))


def write_calibration(out: Path, content: dict[str, Any]) -> None:
    """Write a calibration, one line a part so that versions can be compared."""
    provenance = json.dumps(content["provenance"], ensure_ascii=False, indent=1)
    parts = [f'"{key}": {json.dumps(value)}' for key, value in content.items() if key not in ("trees", "provenance")]
    trees = ",\n".join(json.dumps(tree, separators=(",", ":")) for tree in content["trees"])
    body = ",\n".join([*parts, f'"provenance": {provenance}', f'"trees": [\n{trees}\n]'])
    write_atomically(out, f"{{\n{body}\n}}\n")
