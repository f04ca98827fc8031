"""Fit the estimate over many sources, and measure it on each source as one that it never saw.

    python -m benchmarks.audit.fit DATA --language fr [--rows 300] [--out FILE.json] [--docs docs/reference/quality.md]
        [--results FILE.json] [--cache FOLDER] [--by CALIBRATION.json] [--fitted-on degraded]

``DATA`` is what `benchmarks.audit.collect` wrote. Every source is judged by an estimate that was fitted on others;
figures are of each kind of engine's pairs (see `benchmarks.audit.collect`) and of all. Some tables are in no fit at
all: captions of photographs, the test side of the stamps, that of the wikis, and talks. Prints JSON, which
``--results`` keeps in a file, and with ``--docs`` writes the tables there, between the language's marks.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.audit import tables
from benchmarks.audit.judge import NEURAL
from benchmarks.audit.results import ALL, ENGINES, tables_of
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

COUNTS = {"apertium": 1.0, "mended": 1.5, "degraded": 0.5, "people": 0.4, "neural": 0.4}
"""What the pairs of each kind of engine count together in a source."""
GREAT = frozenset(("dropped", "sense", "untranslated", "repeated", "invented", "other"))
"""Faults that change what a text says: who put them in knows that it's lost."""
READ_ONLY = ("people", "mended")
"""Kinds of engine that are in no fit where no neural engine's pairs were read: people's own make fluent texts that say
something else look good, and mended ones are few in languages for which repair has no rules."""
MORE_BY_LANGUAGE = dict.fromkeys(("es", "it", "pt", "ca"), ("back-translation",))
"""Checks beside the default ones that a language's calibration reads: what it brings there is worth its time."""
CALLED = {
    "apertium": "by Apertium", "mended": "mended", "neural": "by neural engines",
    "degraded": "by people, degraded in part", "people": "by people, degraded in part",
}  # fmt: skip
"""What kinds of engine are called as kinds of data. People's texts and degraded ones are one: no data are all lost, or
none of them, as these are by themselves."""
PARTS = {"stamps-train": "stamps", "stamps-test": "stamps", "wiki-dev": "wiki", "wiki-test": "wiki"}
"""Tables that are of one source."""
APART = ("photographs", "stamps-test", "wiki-test", "talks")
"""Tables that are in no fit."""
HOW = {
    "apertium": "by Apertium", "mended": "mended by repair", "neural": "by neural engines",
    "degraded": "by degrading people's translations", "people": "people's own",
}  # fmt: skip
NEVER = {"apertium": "a rule-based engine", "neural": "a neural engine"}
DRAWN, KEPT = 150, 0.6
FEWEST_DRAWN = 30
FEWEST_TEXTS = 50
"""A table of fewer says nothing of a source, and would weigh as much as one of hundreds."""


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
            counts=_counts([known.sources[n] for n in places], [kind_of(self.engines[n]) for n in places]),
        )
        found = {name: [each[n] for n in places] for name, each in self.findings.items()}
        more = ([each[n] for n in places] for each in (self.engines, self.tables))
        return Data(labelled, found, self.signatures, *more)

    @property
    def fitted(self) -> Data:
        """All but what is kept apart; where no neural engine's pairs were read, so are the wikis, and `READ_ONLY`."""
        kinds = list(map(kind_of, self.engines))
        apart = () if "neural" in kinds else READ_ONLY
        return self.part(
            [
                n
                for n, (name, kind) in enumerate(zip(self.tables, kinds, strict=True))
                if name not in APART and kind not in apart and not (apart and PARTS.get(name) == "wiki")
            ]
        )


def is_accepted(row: Mapping[str, str], verdicts: Mapping[tuple[str, str], bool]) -> bool | None:
    """Say whether a translation is accepted: by what was put into it, or the reference; a neural engine's by a reader.

    Returns:
        ``None`` where nobody knows: on neural engines' pairs chrF to a reference says nothing of what a reader accepts.
    """
    kind = kind_of(row["engine"])
    if kind == "neural":
        return verdicts.get((row["id"], row["engine"]))
    if kind == "people":
        return True
    if kind == "degraded":
        return not GREAT & set(row["faults"].split())
    return not is_lost(row["en"], row["translation"], row["reference"])


def kind_of(engine: str) -> str:
    """Return the kind of an engine."""
    return engine.partition(" ")[0]


def verdicts_of(language: str) -> dict[tuple[str, str], bool]:
    """Return what readers said of neural engines' pairs, by the text's id and the engine."""
    if language != "fr":
        return {}
    return {(row["id"], row["engine"]): row["accepted"] == "1" for row in tables.read(NEURAL)}


def rows_of(folder: Path, language: str, rows: int) -> list[dict[str, Any]]:
    """Return the pairs of a language's tables whose truth is known, of the first texts of each, read ones first."""
    verdicts, found = verdicts_of(language), []
    read = {name for name, _ in verdicts}
    for path in sorted((folder / language).glob("*.tsv")):
        table = tables.read(path)
        wanted = set(sorted({row["id"] for row in table}, key=lambda name: (name not in read, name))[:rows])
        source = PARTS.get(path.stem, path.stem)
        ours = [
            {**row, "source": source, "table": path.stem, "accepted": accepted}
            for row in table
            if row["id"] in wanted and (accepted := is_accepted(row, verdicts)) is not None
        ]
        found += ours if len({row["id"] for row in ours}) >= FEWEST_TEXTS else []
    return found


def read(folder: Path, language: str, rows: int, cache: Path) -> Data:
    """Read the tables of a language that have enough, the first texts of each, and ask the checks about them."""
    cache.mkdir(parents=True, exist_ok=True)
    found = rows_of(folder, language, rows)
    pairs = [
        Pair(row["en"], row["translation"], "en", language, "text", cluster=f"{row['source']} {row['cluster']}")
        for row in found
    ]
    engines = Engines()
    checks = build_checks("en", language, engines, [*CHECKS, *MORE_BY_LANGUAGE.get(language, ())])
    with AssessmentStore(cache / "assessments.sqlite") as store:
        findings = Assessor(checks, store).assess(pairs, quiet=True)
    engines.close()
    engines_of = [kind_of(row["engine"]) for row in found]
    labelled = Labelled(
        pairs,
        np.array([row["accepted"] for row in found]),
        np.array([_quality(row) for row in found]),
        np.zeros(len(found), dtype=bool),
        f"accepted: not {LOST}; neural engines' pairs that were read: what the reader said; where faults were put into "
        "a person's translation: none that changes what it says; people's own: all",
        sources=[row["source"] for row in found],
        kinds=[f"{row['source']}, {CALLED[kind]}" for row, kind in zip(found, engines_of, strict=True)],
        counts=_counts([row["source"] for row in found], engines_of),
    )
    signatures = {check.name: check.signature for check in checks}
    columns = ([row[name] for row in found] for name in ("engine", "table"))
    return Data(labelled, findings, signatures, *columns)


def _counts(sources: Sequence[str], kinds: Sequence[str]) -> np.ndarray:
    """Return what each pair counts in its source, so that its kind of engine counts as `COUNTS` say [pairs]."""
    pairs = Counter(zip(sources, kinds, strict=True))
    return np.array([COUNTS[kind] / pairs[source, kind] for source, kind in zip(sources, kinds, strict=True)])


def _quality(row: Mapping[str, str]) -> float:
    """Return chrF beyond that below which a translation counts as lost; NaN without a reference."""
    return sentence_chrf(row["translation"], row["reference"]) - lost_below(row["en"]) if row["reference"] else np.nan


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


def without(
    data: Data, source: str, cache: Path, language: str, engine: str = "", *, with_quick: bool = False
) -> Estimate:
    """Fit on all sources but one, of one kind of engine if it is named; the fit is kept, by what it is of."""
    fitted = data.fitted
    known = zip(fitted.labelled.sources, map(kind_of, fitted.engines), strict=True)
    others = fitted.part([n for n, (each, kind) in enumerate(known) if each != source and engine in ("", kind)])
    of = [[pair.source, pair.target] for pair in others.labelled.pairs], others.labelled.accepted.tolist()
    kept = cache / f"{language}-without-{source}-{content_hash([*of, data.signatures, with_quick])[:12]}.json"
    if not kept.is_file():
        content = fit(others.labelled, others.findings, {"data": f"all but {source}"}, with_quick=with_quick)
        kept.write_text(json.dumps(content), encoding="utf-8")
    return Estimate.load(kept)


def measured(data: Data, estimate: Estimate, source: str) -> dict[str, Any]:
    """Measure an estimate on a table whose source it never saw."""
    ours = data.part([n for n, each in enumerate(data.tables) if each == source])
    assess = CalibratedAssess(Kept(ours), estimate)  # type: ignore[arg-type]
    result: dict[str, Any] = {"source": source}
    kinds = np.array([kind_of(engine) for engine in ours.engines])
    for name in (*ENGINES, ALL):
        chosen = (kinds == name) | (name == ALL)
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
    """Draw parts as a user's data are: of one kind, at most some hundred pairs; of Apertium's two ways each twice."""
    kinds = map(kind_of, ours.engines)
    of = [
        engine if kind == "apertium" else "people" if kind == "degraded" else kind
        for engine, kind in zip(ours.engines, kinds, strict=True)
    ]
    ruled = [name for name in sorted(set(of)) if kind_of(name) == "apertium"]
    drawn = []
    for number, kind in enumerate([*ruled, *sorted(set(of))]):
        places = [n for n, each in enumerate(of) if each == kind]
        chosen = random.Random(f"{source} {number}").sample(places, min(DRAWN, len(places) * 4 // 5))
        if len(chosen) >= FEWEST_DRAWN:
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


def provenance_of(data: Data, language: str, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Say what a calibration was fitted on, and how it does on what it never saw."""
    names, engines = sorted(set(data.labelled.sources)), {kind_of(engine) for engine in data.engines}
    how = ", ".join(said for kind, said in HOW.items() if kind in engines)
    return {
        "data": f"{len(names)} sources: {', '.join(names)}; {how}",
        "languages": ["en", language],
        "checks": data.signatures,
        "never_saw": [said for kind, said in NEVER.items() if kind not in engines],
        "unseen": unseen(results),
    }


def unseen(results: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what a calibration holds of how it does on what it never saw, by table."""
    return {one["source"]: {key: one[ALL][key] for key in ("auc", "ece", "true", "estimated")} for one in results}


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
    parser.add_argument("--fitted-on", choices=ENGINES, default="", help="leave out the other kind of engine")
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
    tables.show(tables_of(options.language, results), options.docs)
    if options.results:
        keep(options.results, data, results)
    if options.out:
        fitted = data.fitted
        content = fit(fitted.labelled, fitted.findings, provenance_of(fitted, options.language, results))
        write_calibration(options.out, content)


if __name__ == "__main__":
    main()
