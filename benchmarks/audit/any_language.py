"""Fit one estimate over many languages, on what any language has, and measure it on languages that it never saw.

    python -m benchmarks.audit.any_language DATA --languages fr es it ca pt de nl [--rows 120] [--cache FOLDER]
        [--more dictionary unknown] [--results FOLDER] [--ship nl --out FOLDER]

``DATA`` is what `benchmarks.audit.collect` wrote. A language is a source here: it weighs like the others, and is judged
by an estimate that was fitted without it. Of each there is in the fit what is in a fit of its own. Keeps figures for
`benchmarks.audit.languages`. ``--ship`` fits on all for languages of which no rule-based engine's translations are at
hand: those into the others stand for it.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.audit.fit import HOW, NEVER, Data, keep, kind_of, measured, read, unseen, without
from passerelle.quality.estimate.calibrate import Labelled, fit
from passerelle.quality.estimate.estimate import SHIPPED
from passerelle.quality.estimate.fitting import write_calibration
from passerelle.runs import cache_folder

ALL = 600
"""Texts of each table to measure on."""
ANYWHERE = ("structure", "language", "copied", "length", "repetition", "names", "fluency")
"""Checks that need neither an engine, nor a dictionary, nor a word list, nor an analyser."""


def joined(found: Mapping[str, Data], checks: Sequence[str]) -> Data:
    """Put languages together, each a source, with some of the checks."""
    parts = [each.labelled for each in found.values()]
    labelled = Labelled(
        [replace(pair, cluster=f"{name} {pair.cluster}") for name, one in found.items() for pair in one.labelled.pairs],
        np.concatenate([one.accepted for one in parts]),
        np.concatenate([one.quality for one in parts]),
        np.concatenate([one.is_extra for one in parts]),
        parts[0].definition,
        sources=[name for name, one in found.items() for _ in one.engines],
        kinds=[f"{name}: {kind}" for name, one in found.items() for kind in one.labelled.kinds],
        counts=np.concatenate([one.counts for one in parts if one.counts is not None]),
    )
    return Data(
        labelled,
        {check: [each for one in found.values() for each in one.findings[check]] for check in checks},
        {check: " | ".join(one.signatures[check] for one in found.values()) for check in checks},
        [engine for one in found.values() for engine in one.engines],
        [table for one in found.values() for table in one.tables],
    )


def provenance_of(
    found: Mapping[str, Data], language: str, results: Sequence[Mapping[str, Any]], checks: Sequence[str]
) -> dict[str, Any]:
    """Say what a calibration was fitted on, and how it does on its language as one that it never saw."""
    how = []
    for kind, said in HOW.items():
        having = [name for name, one in found.items() if kind in map(kind_of, one.engines)]
        how += [said if len(having) == len(found) else f"{said} into {', '.join(having)}"] if having else []
    kinds = set(map(kind_of, found[language].engines))
    return {
        "data": f"translations into {', '.join(found)}: {'; '.join(how)}",
        "languages": ["en", language],
        "checks": {name: found[language].signatures[name] for name in checks},
        "never_saw": [f"{said} into this language" for kind, said in NEVER.items() if kind not in kinds],
        "unseen": unseen(results),
    }


def main() -> None:
    """Fit, measure, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--languages", nargs="+", required=True)
    parser.add_argument("--rows", type=int, default=120, help="texts of each table to fit on (default 120)")
    parser.add_argument("--more", nargs="*", default=[], help="checks beside those that any language has")
    parser.add_argument("--cache", type=Path, default=cache_folder() / "audit-fit")
    parser.add_argument("--results", type=Path, required=True, help="the folder to keep the figures in")
    parser.add_argument("--ship", nargs="*", default=[], help="the languages whose calibrations are written")
    parser.add_argument("--out", type=Path, default=Path("."), help="the folder to write them to")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    found = {name: read(options.data, name, options.rows, options.cache).fitted for name in options.languages}
    checks = [*ANYWHERE, *options.more]
    data = joined(found, checks)
    results: dict[str, list[dict[str, Any]]] = {}
    for language in found:
        estimate = without(data, language, options.cache, "any")
        whole = read(options.data, language, ALL, options.cache)
        ours = joined({language: whole}, checks)
        results[language] = [measured(ours, estimate, name) for name in sorted(set(ours.tables))]
        keep(options.results / f"{language}.json", ours, results[language])
        print(language, flush=True)
    if options.ship:
        content = fit(data.fitted.labelled, data.fitted.findings, {})
        for language in options.ship:
            known = provenance_of(found, language, results[language], checks) | content["provenance"]
            path = options.out / SHIPPED.format(source="en", target=language)
            write_calibration(path, {**content, "provenance": known})


if __name__ == "__main__":
    main()
