"""What leaving dear checks out costs (``--quick``), and what each check brings, on sources that the fit never saw.

    python -m benchmarks.audit.quick DATA [--by-check] [--docs docs/reference/quality.md]

``DATA`` is what `benchmarks.audit.collect` wrote. Every pair is judged by an estimate that was fitted without its
source, as in `benchmarks.audit.fit`, whose cache this takes. Prints JSON, and with ``--docs`` writes the tables there.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.audit import tables
from benchmarks.audit.fit import Data, Kept, read_from, source_options, sources_of, without
from passerelle.evaluation.statistics.significance import FloatArray, auc_of
from passerelle.quality.estimate.calibrate import by_check, fit
from passerelle.quality.estimate.calibrated import CLEAR, CalibratedAssess

LIMITS = (CLEAR, (0.3, 0.7))
"""Between which probabilities by the quick checks the dear ones are asked: as it ships, and closer together."""


def judged(data: Data, options: argparse.Namespace) -> tuple[FloatArray, FloatArray]:
    """Return each pair's probability by all checks, and by the quick ones alone [pairs]; no estimate saw its source."""
    found = np.full((2, len(data.tables)), np.nan)
    for name, source in sources_of(data):
        places = [n for n, each in enumerate(data.tables) if each == name]
        ours = data.part(places)
        estimate = without(data, source, options.cache, options.language, with_quick=True)
        assert estimate.quick is not None
        for row, each in enumerate((estimate, estimate.quick)):
            assess = CalibratedAssess(Kept(ours), each)  # type: ignore[arg-type]
            found[row, places] = [one.probability for one in assess.estimate(ours.labelled.pairs)]
    return found[0], found[1]


def measured(accepted: np.ndarray, every: FloatArray, quick: FloatArray) -> list[dict[str, Any]]:
    """Measure what is asked of whom.

    Args:
        accepted: The truth [pairs].
        every: Probability by all checks [pairs].
        quick: By the quick ones [pairs].
    """
    ways = [("all", np.ones(len(quick), dtype=bool))]
    for low, high in LIMITS:
        name = "`--quick`" if (low, high) == CLEAR else f"the same between {low:.0%} and {high:.0%}"
        ways.append((name, (low < quick) & (quick < high)))
    ways.append(("the quick checks alone", np.zeros(len(quick), dtype=bool)))
    rows = []
    for name, asked in ways:
        probability = np.where(asked, every, quick)
        area = float(auc_of(accepted, probability)(np.ones((1, len(quick))))[0])
        rows.append(
            {"asked": name, "auc": area, "lost": float(1 - probability.mean()), "left out": float(1 - asked.mean())}
        )
    return rows


def table(rows: Sequence[Mapping[str, Any]], accepted: np.ndarray, sources: int) -> str:
    """Write what leaving out costs as Markdown."""
    lines = ["| asked | AUC | share lost | pairs without Apertium |", "|---|---|---|---|"]
    for row in rows:
        cells = row["asked"], f"{row['auc']:.3f}", f"{row['lost']:.1%}", f"{row['left out']:.0%}"
        lines.append(f"| {' | '.join(cells)} |")
    said = (
        f"{len(accepted):,} pairs of {sources} tables, each never seen by the fit; {1 - accepted.mean():.1%} are lost."
    )
    return "\n".join([*lines, "", said])


def table_by_check(rows: Sequence[Mapping[str, Any]], whole: Mapping[str, float]) -> str:
    """Write what each check brings as Markdown, the best by itself first."""
    lines = ["| check | AUC alone | AUC without it |", "|---|---|---|"]
    for row in sorted(rows, key=lambda one: -one["alone"]["value"]):
        lines.append(f"| `{row['check']}` | {row['alone']['value']:.3f} | {row['without']['value']:.3f} |")
    area = f"{whole['value']:.3f} [{whole['low']:.3f}, {whole['high']:.3f}]"
    return "\n".join([*lines, "", f"All together {area}."])


def main() -> None:
    """Measure, print JSON, and write the tables if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source_options(parser)
    parser.add_argument("--by-check", action="store_true", help="measure each check by itself too: takes long")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    data = read_from(options)
    rows = measured(data.labelled.accepted, *judged(data, options))
    print(json.dumps(rows, indent=1), flush=True)
    made = {"quick": table(rows, data.labelled.accepted, len(sources_of(data)))}
    if options.by_check:
        fitted = data.fitted
        checks = by_check(fitted.labelled, fitted.findings)
        print(json.dumps(checks, indent=1), flush=True)
        known = fit(fitted.labelled, fitted.findings, {})["provenance"]
        made["checks"] = table_by_check(checks, known["out_of_fold"]["auc"])
    tables.show(made, options.docs)


if __name__ == "__main__":
    main()
