"""How often an audit's interval with 100 labels holds the truth, and how much narrower it is than by labels alone.

    python -m benchmarks.audit.labels DATA [--labels 100] [--draws 1000] [--docs docs/reference/quality.md]

``DATA`` is what `benchmarks.audit.collect` wrote. Of each table the pairs that Apertium translated are judged by an
estimate that was fitted without their source, as in `benchmarks.audit.fit`, whose cache this takes; a pair is lost as
the audit has it. From these pairs labels are drawn again and again, as ``review create --for-audit`` draws them and,
beside that, by chance alone. Prints one JSON line a source, and with ``--docs`` writes the table there.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.audit import tables
from benchmarks.audit.fit import APART, Kept, kind_of, read_from, source_options, sources_of, without
from passerelle.evaluation.statistics.prediction_powered import Labels, PoweredShare, chances, draw, powered_share
from passerelle.evaluation.statistics.significance import FloatArray, auc_of
from passerelle.quality.estimate.calibrated import CalibratedAssess

ALONE, BY_CHANCE, FOR_AUDIT = "labels alone", "both, by chance", "both, for audit"
WANTED = 0.25
"""How much narrower than by labels alone the interval is meant to be, on the median source."""


def drawn(lost: FloatArray, predicted: FloatArray, chance: FloatArray, seed: int) -> Labels:
    """Draw labels with known chances; each is independent, as chance is in the draw alone."""
    places = draw(chance, seed)
    ones = np.ones(len(places))
    return Labels(lost[places], predicted[places], ones, chance[places], [str(place) for place in places])


def measured(lost: FloatArray, predicted: FloatArray, count: int, draws: int) -> dict[str, Any]:
    """Draw labels again and again; say how often each interval holds the truth, and how wide it is.

    Args:
        lost: Whether each pair is lost, 0 or 1 [pairs].
        predicted: The estimate's probability that it is [pairs].
        count: Labels of a draw.
        draws: How many draws.
    """
    truth, mean = float(lost.mean()), float(predicted.mean())
    even = np.full(len(lost), count / len(lost))
    doubtful = chances(predicted, np.ones(len(lost)), count)
    shares: dict[str, list[PoweredShare]] = {ALONE: [], BY_CHANCE: [], FOR_AUDIT: []}
    for seed in range(draws):
        some = drawn(lost, predicted, even, seed)
        shares[ALONE].append(powered_share(some, mean, power=0.0))
        shares[BY_CHANCE].append(powered_share(some, mean))
        shares[FOR_AUDIT].append(powered_share(drawn(lost, predicted, doubtful, seed), mean))
    result: dict[str, Any] = {
        "pairs": len(lost),
        "true": truth,
        "estimated": mean,
        "auc": float(auc_of(lost > 0, predicted)(np.ones((1, len(lost))))[0]),
        "explained": float(np.corrcoef(lost, predicted)[0, 1] ** 2),
    }
    for name, made in shares.items():
        result[name] = {
            "covers": float(np.mean([one.low <= truth <= one.high for one in made])),
            "width": float(np.mean([one.high - one.low for one in made])),
            "bias": float(np.mean([one.value for one in made])) - truth,
        }
    result["narrower"] = 1 - result[FOR_AUDIT]["width"] / result[ALONE]["width"]
    return result


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Write results as Markdown."""
    lines = [
        "| source, never seen | pairs | AUC | R² | truly lost | the estimate alone | labels alone: covers, width | "
        "both, drawn by chance | both, `--for-audit` | narrower |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        ways = [f"{one[way]['covers']:.1%}, {100 * one[way]['width']:.1f}" for way in (ALONE, BY_CHANCE, FOR_AUDIT)]
        shares = [f"{one['true']:.1%}", f"{one['estimated']:.1%}"]
        known = [f"{one[key]:.2f}" for key in ("auc", "explained")]
        cells = [one["source"], str(one["pairs"]), *known, *shares, *ways, f"{one['narrower']:.0%}"]
        lines.append(f"| {' | '.join(cells)} |")
    covers = [one[FOR_AUDIT]["covers"] for one in results]
    narrower = float(np.median([one["narrower"] for one in results]))
    apart = [one["narrower"] for one in results if one["source"] in APART]
    lines += [
        "",
        f"With labels drawn for the audit the interval holds the truth in {min(covers):.1%} to {max(covers):.1%} of "
        f"draws and is {narrower:.0%} narrower on the median source ({WANTED:.0%} were wanted), "
        f"{min(apart):.0%} to {max(apart):.0%} on those that are in no fit at all.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, print JSON, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source_options(parser)
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--draws", type=int, default=1000)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    data = read_from(options)
    results = []
    for name, source in sources_of(data):
        wanted = [n for n, each in enumerate(data.tables) if each == name and kind_of(data.engines[n]) == "apertium"]
        if not wanted:
            continue
        ours = data.part(wanted)
        assess = CalibratedAssess(Kept(ours), without(data, source, options.cache, options.language))  # type: ignore[arg-type]
        predicted = np.array([1 - one.probability for one in assess.estimate(ours.labelled.pairs)])
        lost = (~ours.labelled.accepted).astype(np.float64)
        results.append({"source": name, **measured(lost, predicted, options.labels, options.draws)})
        print(json.dumps(results[-1]), flush=True)
    tables.show({"labels": table(results)}, options.docs)


if __name__ == "__main__":
    main()
