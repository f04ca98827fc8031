"""Fit the estimate over many sources, and measure it on each source as one that it never saw.

    python -m benchmarks.audit.fit DATA --language fr [--rows 300] [--out FILE.json] [--docs docs/reference/quality.md]
        [--results FILE.json] [--cache FOLDER] [--by CALIBRATION.json] [--fitted-on degraded]

``DATA`` is what `benchmarks.audit.collect` wrote. Every source is judged by an estimate that was fitted on others;
figures are of Apertium's pairs, where it has a way, of those of the engine that degrades people's translations, and of
both. Two tables are in no fit at all: captions of photographs, and the test side of the stamps. Prints JSON, which
``--results`` keeps in a file, and with ``--docs`` writes the table there, between the language's marks.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.audit import tables
from passerelle.evaluation.statistics.significance import auc_of
from passerelle.quality.assessing import Assess
from passerelle.quality.assessor import Assessor
from passerelle.quality.audit import audit
from passerelle.quality.base import Finding, Pair
from passerelle.quality.checks.registry import CHECKS, build_checks
from passerelle.quality.engines import Engines
from passerelle.quality.estimate.calibrate import Labelled, figures, fit
from passerelle.quality.estimate.calibrated import CalibratedAssess
from passerelle.quality.estimate.estimate import Estimate
from passerelle.quality.estimate.fitting import write_calibration
from passerelle.quality.evidence.chrf import LOST, is_lost, lost_below, sentence_chrf
from passerelle.quality.store import AssessmentStore
from passerelle.runs import cache_folder, content_hash

LEFT_OUT = ("embedding",)
"""Checks that are asked for nothing: leaving each out took less than 0.01 of the AUC on unseen sources."""
GREAT = frozenset(("dropped", "sense", "untranslated", "repeated", "invented", "other"))
"""Faults that change what a text says: who put them in knows that it's lost."""
PARTS = {"stamps-train": "stamps", "stamps-test": "stamps"}
"""Tables that are of one source."""
APART = ("photographs", "stamps-test")
"""Tables that are in no fit."""
ENGINES = ("apertium", "degraded", "both")
DRAWS, DRAWN, KEPT = 4, 150, 0.6
FEWEST_TEXTS = 50
"""A table of fewer says nothing of a source, and would weigh as much as one of hundreds."""
NONE = "–"
"""Stands in a table where an engine has no pairs."""


class Data(NamedTuple):
    """What is known of some pairs: labels, the checks' findings and signatures, each one's engine and table."""

    labelled: Labelled
    findings: dict[str, list[Finding]]
    signatures: dict[str, str]
    engines: list[str]
    tables: list[str]

    def part(self, places: Sequence[int]) -> Data:
        """Return some of them."""
        known = self.labelled
        labelled = replace(
            known,
            pairs=[known.pairs[n] for n in places],
            accepted=known.accepted[list(places)],
            quality=known.quality[list(places)],
            is_extra=known.is_extra[list(places)],
            sources=[known.sources[n] for n in places],
            kinds=[known.kinds[n] for n in places],
        )
        found = {name: [each[n] for n in places] for name, each in self.findings.items()}
        more = ([each[n] for n in places] for each in (self.engines, self.tables))
        return Data(labelled, found, self.signatures, *more)

    @property
    def fitted(self) -> Data:
        """All but what is kept apart."""
        return self.part([n for n, name in enumerate(self.tables) if name not in APART])


def says_otherwise(row: Mapping[str, str]) -> bool:
    """Whether a translation is lost: by what was put into it, where that's known."""
    if row["engine"] == "degraded":
        return bool(GREAT & set(row["faults"].split()))
    return is_lost(row["en"], row["translation"], row["reference"])


def read(folder: Path, language: str, rows: int, cache: Path) -> Data:
    """Read the tables of a language that have enough, the first texts of each, and ask the checks about them."""
    cache.mkdir(parents=True, exist_ok=True)
    found: list[dict[str, str]] = []
    for path in sorted((folder / language).glob("*.tsv")):
        table = tables.read(path)
        wanted = set(sorted({row["id"] for row in table})[:rows])
        if len(wanted) < FEWEST_TEXTS:
            continue
        name = PARTS.get(path.stem, path.stem)
        found += [{**row, "source": name, "table": path.stem} for row in table if row["id"] in wanted]
    pairs = [
        Pair(row["en"], row["translation"], "en", language, "text", cluster=f"{row['source']} {row['cluster']}",
             marked=row["marked"] or None)
        for row in found
    ]  # fmt: skip
    engines = Engines()
    checks = build_checks("en", language, engines, [name for name in CHECKS if name not in LEFT_OUT])
    with AssessmentStore(cache / "assessments.sqlite") as store:
        findings = Assessor(checks, store).assess(pairs, quiet=True)
    engines.close()
    data = Data(
        Labelled(
            pairs,
            ~np.array([says_otherwise(row) for row in found]),
            np.array([sentence_chrf(row["translation"], row["reference"]) - lost_below(row["en"]) for row in found]),
            np.zeros(len(found), dtype=bool),
            f"accepted: not {LOST}; where faults were put into a person's translation: none that changes what it says",
            sources=[row["source"] for row in found],
            kinds=[f"{row['source']}, {_kind(row['engine'])}" for row in found],
        ),
        findings,
        {check.name: check.signature for check in checks},
        [row["engine"] for row in found],
        [row["table"] for row in found],
    )
    return data


def source_options(parser: argparse.ArgumentParser) -> None:
    """Let a script be told which data it reads, where what it fits is kept, and which page it writes to."""
    parser.add_argument("data", type=Path)
    parser.add_argument("--language", default="fr")
    parser.add_argument("--rows", type=int, default=300, help="texts of each table (default 300)")
    parser.add_argument("--cache", type=Path, default=cache_folder() / "audit-fit")
    parser.add_argument("--docs", type=Path, help="the page whose table is written")


def read_from(options: argparse.Namespace) -> Data:
    """Read what `source_options` name."""
    return read(options.data, options.language, options.rows, options.cache)


def sources_of(data: Data) -> list[tuple[str, str]]:
    """Return the tables by name, each with the source that it's of."""
    return [(name, PARTS.get(name, name)) for name in sorted(set(data.tables))]


def _kind(engine: str) -> str:
    return "degraded" if engine == "degraded" else engine.partition(" ")[0]


def silent(data: Data) -> list[str]:
    """Return the checks that can't say anything in this language."""
    return [name for name, found in data.findings.items() if not any(one.is_known or one.values for one in found)]


class Kept:
    """Stands for an `Assessor` whose findings are known."""

    def __init__(self, data: Data) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(data.findings, 0.0)
        self.checks: list[Any] = []
        self._of = {(pair.source, pair.target): n for n, pair in enumerate(data.labelled.pairs)}
        self._findings = data.findings

    def assess(self, pairs: Sequence[Pair]) -> dict[str, list[Finding]]:
        """Return what is known of pairs."""
        places = [self._of[pair.source, pair.target] for pair in pairs]
        return {name: [found[n] for n in places] for name, found in self._findings.items()}


def without(data: Data, source: str, cache: Path, language: str, engine: str = "") -> Estimate:
    """Fit on all sources but one, of one kind of engine if it is named; the fit is kept, by what it is of."""
    fitted = data.fitted
    known = zip(fitted.labelled.sources, map(_kind, fitted.engines), strict=True)
    others = fitted.part([n for n, (each, kind) in enumerate(known) if each != source and engine in ("", kind)])
    of = [[pair.source, pair.target] for pair in others.labelled.pairs], others.labelled.accepted.tolist()
    kept = cache / f"{language}-without-{source}-{content_hash([*of, data.signatures])[:12]}.json"
    if not kept.is_file():
        content = fit(others.labelled, others.findings, {"data": f"all but {source}"})
        kept.write_text(json.dumps(content), encoding="utf-8")
    return Estimate.load(kept)


def measured(data: Data, estimate: Estimate, source: str) -> dict[str, Any]:
    """Measure an estimate on a table whose source it never saw."""
    ours = data.part([n for n, each in enumerate(data.tables) if each == source])
    assess = CalibratedAssess(Kept(ours), estimate)  # type: ignore[arg-type]
    result: dict[str, Any] = {"source": source}
    is_degraded = np.array([engine == "degraded" for engine in ours.engines])
    for name, chosen in zip(ENGINES, (~is_degraded, is_degraded, is_degraded | True), strict=True):
        if not chosen.any():
            continue
        part = ours.part(np.flatnonzero(chosen).tolist())
        probability = np.array([one.probability for one in assess.estimate(part.labelled.pairs)])
        result[name] = {**figures(part.labelled, probability), **_shares(part, assess)}
        if name == "apertium":
            result[name]["gate"] = way_to_oracle(part.labelled.quality, probability)
            result[name]["by length"] = by_length(part.labelled)
    result["draws"] = [_shares(part, assess) for part in _drawn(ours, source)]
    return result


def _shares(part: Data, assess: Assess) -> dict[str, Any]:
    """Return the audit's share with its interval, beside the true one."""
    found = audit(part.labelled.pairs, assess)
    fitness = found.fitness
    assert fitness is not None
    true, lost = float(1 - part.labelled.accepted.mean()), found.lost
    shares = {"true": true, "estimated": lost.value, "low": lost.low, "high": lost.high}
    return {
        "pairs": lost.pairs, **{key: round(value, 4) for key, value in shares.items()},
        "holds": lost.low <= true <= lost.high, "unlike": fitness.is_unlike, "distance": fitness.distance,
    }  # fmt: skip


def _drawn(ours: Data, source: str) -> list[Data]:
    """Draw parts as a user's data are: of one engine, some hundred pairs, engines in turn, the last till the end."""
    engines = sorted(set(ours.engines))
    wanted = [engines[0], engines[0], *engines[1:], *[engines[-1]] * DRAWS][:DRAWS]
    drawn = []
    for number, engine in enumerate(wanted):
        places = [n for n, each in enumerate(ours.engines) if each == engine]
        chosen = random.Random(f"{source} {number}").sample(places, min(DRAWN, len(places) * 4 // 5))
        drawn.append(ours.part(sorted(chosen)))
    return drawn


def way_to_oracle(quality: np.ndarray, probability: np.ndarray) -> float:
    """Return how much better the kept part is than all, of what the best choice would be better.

    Args:
        quality: chrF beyond that below which a translation of the text counts as lost [pairs].
        probability: What the gate chooses by [pairs].
    """
    count = round(KEPT * len(quality))
    kept, best = (quality[np.argsort(-by, kind="stable")[:count]].mean() for by in (probability, quality))
    return round(float((kept - quality.mean()) / (best - quality.mean())), 3)


def by_length(labelled: Labelled) -> float:
    """Return the AUC of taking shorter texts for better ones: what any estimate has to be held against."""
    shorter = -np.array([len(pair.source.split()) for pair in labelled.pairs], dtype=np.float64)
    return round(float(auc_of(labelled.accepted, shorter)(np.ones((1, len(shorter))))[0]), 4)


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Write results as Markdown."""
    lines = [
        "| source, never seen | pairs | AUC: Apertium / degraded / both | Apertium, by length alone | "
        "calibration error, likewise | Spearman | lost, estimated [95%] | truly | gate's way to the oracle |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        both, ruled = one["both"], one.get("apertium")
        areas = " / ".join(f"{one[name]['auc']['value']:.2f}" if name in one else NONE for name in ENGINES)
        errors = " / ".join(f"{one[name]['ece']:.2f}" if name in one else NONE for name in ENGINES)
        share = f"{100 * both['estimated']:.1f}% [{100 * both['low']:.1f}, {100 * both['high']:.1f}]"
        rho, gate = (f"{ruled['spearman']:.2f}", f"{ruled['gate']:.0%}") if ruled else (NONE, NONE)
        length = f"{ruled['by length']:.2f}" if ruled else NONE
        pairs, true = f"{both['pairs']:,}", f"{100 * both['true']:.1f}%"
        cells = one["source"], pairs, areas, length, errors, rho, share, true, gate
        lines.append(f"| {' | '.join(cells)} |")
    draws = [draw for one in results for draw in one["draws"]]
    held = sum(draw["holds"] for draw in draws)
    width = float(np.median([draw["high"] - draw["low"] for draw in draws]))
    lines += [
        "",
        f"Of {len(draws)} draws, each of one engine's pairs of a source never seen, the interval holds the true share "
        f"in {held} ({held / len(draws):.0%}); its median width is {100 * width:.0f} points.",
    ]
    return "\n".join(lines)


def provenance_of(data: Data, language: str, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Say what a calibration was fitted on, and how it does on what it never saw."""
    names, is_ruled = sorted(set(data.labelled.sources)), any(engine != "degraded" for engine in data.engines)
    how = "by Apertium and by degrading people's translations" if is_ruled else "people's translations, degraded"
    return {
        "data": f"{len(names)} sources: {', '.join(names)}; {how}",
        "languages": ["en", language],
        "checks": data.signatures,
        "never_saw": [] if is_ruled else ["a rule-based engine"],
        "unseen": unseen(results),
    }


def unseen(results: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what a calibration holds of how it does on what it never saw, by table."""
    return {one["source"]: {key: one["both"][key] for key in ("auc", "ece", "true", "estimated")} for one in results}


def keep(path: Path, data: Data, results: Sequence[Mapping[str, Any]]) -> None:
    """Keep the figures of a language for `benchmarks.audit.languages`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {"engines": sorted(set(data.engines)), "silent": silent(data), "results": results}
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Fit, measure, print JSON, and write what is asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source_options(parser)
    parser.add_argument("--out", type=Path, help="where to write the calibration, fitted on all sources")
    parser.add_argument("--by", type=Path, help="a calibration, of another language, say, that judges all sources")
    parser.add_argument("--fitted-on", choices=ENGINES[:2], default="", help="leave out the other kind of engine")
    parser.add_argument("--results", type=Path, help="where to keep the figures, for benchmarks.audit.languages")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    data = read_from(options)
    results = []
    known = Estimate.load(options.by) if options.by else None
    for name, source in sources_of(data):
        estimate = known or without(data, source, options.cache, options.language, options.fitted_on)
        results.append(measured(data, estimate, name))
        print(json.dumps(results[-1]), flush=True)
    tables.show({f"fit {options.language}": table(results)}, options.docs)
    if options.results:
        keep(options.results, data, results)
    if options.out:
        fitted = data.fitted
        content = fit(fitted.labelled, fitted.findings, provenance_of(fitted, options.language, results))
        write_calibration(options.out, content)


if __name__ == "__main__":
    main()
