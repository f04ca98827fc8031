"""How long the default checks take.

    python benchmarks/quality.py [--pairs 10000]

Prints JSON: seconds by check for so many pairs. How good estimate, audit, labels and repair are is measured by
`benchmarks.audit` and `benchmarks.repair`.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from dataclasses import replace
from typing import Any

from passerelle.quality.assessor import Assessor
from passerelle.quality.base import Pair
from passerelle.quality.checks.registry import build_checks
from passerelle.quality.engines import Engines
from passerelle.quality.estimate.labels import tux_paint


def made_up(count: int) -> list[Pair]:
    """Return so many different pairs, made of the captions of stamps two by two."""
    labelled = tux_paint(Engines(), "fr", "train")
    stamps = [pair for pair, extra in zip(labelled.pairs, labelled.is_extra, strict=True) if not extra]
    both = [(one, other) for shift in range(1, len(stamps)) for one, other in zip(stamps, stamps[shift:], strict=False)]
    return [
        replace(one, source=f"{one.source} {other.source}", target=f"{one.target} {other.target}")
        for one, other in both[:count]
    ]


def timing(pairs: list[Pair]) -> dict[str, Any]:
    """Time all default checks on pairs."""
    assessor = Assessor(build_checks("en", "fr", Engines()))
    began = time.perf_counter()
    assessor.assess(pairs)
    seconds = {name: round(value, 1) for name, value in assessor.seconds.items()}
    return {"pairs": len(pairs), "all": round(time.perf_counter() - began, 1), **seconds}


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10_000)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    print(json.dumps(timing(made_up(options.pairs)), indent=1))


if __name__ == "__main__":
    main()
