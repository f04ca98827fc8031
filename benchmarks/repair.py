"""What repair brings on captions with a human translation, of which it was fitted on none.

    python -m benchmarks.repair [--captions FILE.tsv] [--skip 400] [--rows 600] [--sources components debconf]
        [--docs docs/reference/quality.md]

Tux Paint's test side, rows of a file with the columns ``id``, ``en`` and ``fr``, and texts of sources of
`benchmarks.audit`, each translated by the usual pivot and repaired by the whole command. Prints JSON, and with
``--docs`` writes the table that stands there.

A text is worse where its chrF to the human translation fell by more than a point. Intervals are paired, by picture.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import random
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.audit import tables
from benchmarks.audit.collect import drawn
from benchmarks.audit.sources import Sources, known
from passerelle.evaluation.metrics.captions import chrf_from_sums, chrf_statistics
from passerelle.evaluation.statistics.significance import corpus_of, paired_difference
from passerelle.example import splits, tuxpaint
from passerelle.quality.base import Pair
from passerelle.quality.engines import Engines, bare
from passerelle.quality.estimate.calibrated import open_assess
from passerelle.quality.evidence.chrf import is_lost
from passerelle.quality.evidence.freedict import WordTable
from passerelle.quality.repair.candidates import Pool, fitted
from passerelle.quality.repair.choice_trees import open_scorer
from passerelle.quality.repair.repair import Repairer
from passerelle.quality.repair.verdict import JUDGE
from passerelle.runs import cache_folder
from passerelle.translation.memory.memory import TranslationMemory

HAIR = 1.0
"""Points of chrF below which a text isn't worse."""


@dataclass(frozen=True)
class Captions:
    """Captions of one source, and their human translations.

    Attributes:
        name: As the table has it.
        english: The captions.
        french: What people wrote.
        clusters: Captions that share one aren't independent.
    """

    name: str
    english: list[str]
    french: list[str]
    clusters: list[str]


def tux_paint(side: str) -> Captions:
    """Return the captions of the stamps of one side."""
    sides = splits.stored()
    found = tuxpaint.read_pictures("fr", cache_folder() / "pictures" / "stamps")
    ours = [p for p in found if sides.get(p.id) == side and "fr" in p.captions]
    texts = [[p.captions[code].text for p in ours] for code in ("en", "fr")]
    return Captions(f"Tux Paint, {side} side", *texts, [p.concept for p in ours])


def captions_file(path: Path, skip: int, rows: int) -> Captions:
    """Return some rows of a file in a fixed random order."""
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    random.Random(0).shuffle(found)
    found = found[skip : skip + rows]
    return Captions("photographs", *([row[key] for row in found] for key in ("en", "fr", "id")))


def of_source(name: str, rows: int) -> Captions:
    """Return some texts of a source, a few of each program."""
    found = drawn(Sources(cache_folder() / "audit-sources", None).read(name, "fr"), rows, f"{name} repaired")
    columns = ([getattr(text, key) for text in found] for key in ("english", "reference", "cluster"))
    return Captions(name, *columns)


def measure(captions: Captions, folder: Path) -> dict[str, Any]:
    """Translate, repair, and compare."""
    engines = Engines()
    makers = engines.through("en", "fr")
    pool, engine = Pool(makers, WordTable("en", "fr")), next(iter(makers.values()))
    answers = engine.translate(captions.english)
    before = [fitted(source, bare(marked)) for source, marked in zip(captions.english, answers, strict=True)]
    pairs = [Pair(*texts) for texts in zip(captions.english, before, strict=True)]
    assess = open_assess("en", "fr", store=folder / "assessments.sqlite", more=(JUDGE,), engines=engines)
    scorer = open_scorer("en", "fr", pool.book, engines)
    with TranslationMemory(folder / f"{captions.name}.sqlite") as memory:
        done = Repairer(pool, scorer, assess, memory, "benchmark").repair(pairs)
    after = [found.text for found in done]
    sums = {name: chrf_statistics(texts, captions.french) for name, texts in (("before", before), ("after", after))}
    gain = paired_difference(
        *(corpus_of(sums[name], chrf_from_sums) for name in ("after", "before")), captions.clusters
    )
    each = chrf_from_sums(sums["after"]) - chrf_from_sums(sums["before"])
    changed = np.array([found.is_changed for found in done])
    best = [_oracle(*one) for one in zip(before, pool.candidates(captions.english), captions.french, strict=True)]
    figures = {name: round(_corpus(texts, captions.french), 2) for name, texts in
               (("before", before), ("after", after), ("oracle", best))}  # fmt: skip
    return {
        "name": captions.name,
        "texts": len(pairs),
        **figures,
        "gain": {key: round(float(getattr(gain, key)), 2) for key in ("value", "low", "high")},
        "good": {
            name: {
                "estimated": round(float(np.mean([getattr(found, name).probability for found in done])), 4),
                "truly": round(1 - float(np.mean(list(map(is_lost, captions.english, texts, captions.french)))), 4),
            }
            for name, texts in (("before", before), ("after", after))
        },
        "changed": int(changed.sum()),
        "worse": int((each < -HAIR).sum()),
        "at all lower": int((each < -1e-9).sum()),
        "ways": Counter(found.way for found in done if found.is_changed),
    }


def _corpus(texts: list[str], wanted: list[str]) -> float:
    return float(chrf_from_sums(chrf_statistics(texts, wanted).sum(axis=0)[None])[0])


def _oracle(before: str, pool: list[Any], wanted: str) -> str:
    texts = [before, *(one.text for one in pool)]
    return texts[int(np.argmax(chrf_from_sums(chrf_statistics(texts, [wanted] * len(texts)))))]


def table(results: list[dict[str, Any]]) -> str:
    """Write the results as Markdown."""
    lines = [
        "| texts of | texts | before | repaired | gain (95%) | oracle | changed | worse | "
        "good before: estimated, truly | after: estimated, truly |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        gain = f"{one['gain']['value']:+} [{one['gain']['low']}, {one['gain']['high']}]"
        worse = f"{one['worse']} ({one['worse'] / max(1, one['changed']):.0%})"
        good = [f"{found['estimated']:.0%}, {found['truly']:.0%}" for found in one["good"].values()]
        cells = (
            one["name"],
            one["texts"],
            one["before"],
            one["after"],
            gain,
            one["oracle"],
            one["changed"],
            worse,
            *good,
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def main() -> None:
    """Measure all sources, print JSON, and write the table if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=Path, help="captions with a human translation: columns id, en, fr")
    parser.add_argument(
        "--skip", type=int, default=400, help="rows that were read while repair was written, as were those behind"
    )
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--sources", nargs="*", default=[], choices=list(known()), help="of `benchmarks.audit`")
    parser.add_argument("--side", default="test")
    parser.add_argument("--docs", type=Path, help="the page whose table is written")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    sources = [tux_paint(options.side)]
    if options.captions:
        sources.append(captions_file(options.captions, options.skip, options.rows))
    sources += [of_source(name, options.rows) for name in options.sources]
    with tempfile.TemporaryDirectory() as name:
        results = [measure(source, Path(name)) for source in sources]
    print(json.dumps(results, indent=1))
    if options.docs:
        tables.put(options.docs, "repair", table(results))


if __name__ == "__main__":
    main()
