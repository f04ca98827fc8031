"""Pairs of a text, a person's translation and an engine's, of many sources, languages and engines.

    python -m benchmarks.audit.collect --out FOLDER [--languages fr es] [--sources NAME ...] [--rows 1000]
        [--photographs FILE.tsv] [--cache FOLDER]

Writes ``FOLDER/<language>/<source>.tsv``: id, cluster, kind, engine, en, reference, translation, marked (Apertium's
answer with its marks of unknown words), faults (what was put into a translation on purpose). The same command writes
the same bytes. Texts are fetched from Debian's archive and from this machine; they aren't shipped.
"""

from __future__ import annotations

import argparse
import logging
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from benchmarks.audit import tables
from benchmarks.audit.degrade import Degrader
from benchmarks.audit.sources import Sources, known
from benchmarks.audit.texts import Text
from passerelle.errors import MissingDependency
from passerelle.quality.engines import Engines, bare
from passerelle.quality.evidence.freedict import WordTable
from passerelle.runs import cache_folder

COLUMNS = ("id", "cluster", "kind", "engine", "en", "reference", "translation", "marked", "faults")
MOST_OF_A_CLUSTER = 20
"""Texts of one program or document: none is a source by itself."""
SECOND_WAY, DEGRADED = 3, 2
"""Of so many texts one is translated by a second chain of Apertium, and one by the degrading engine."""


def drawn(found: list[Text], rows: int, seed: str) -> list[Text]:
    """Draw so many texts, a few of each cluster, kinds of text alike."""
    chance = random.Random(seed)
    found = found[:]
    chance.shuffle(found)
    taken: dict[str, int] = defaultdict(int)
    kinds: dict[str, list[Text]] = defaultdict(list)
    for text in found:
        if taken[text.cluster] < MOST_OF_A_CLUSTER:
            taken[text.cluster] += 1
            kinds[text.kind].append(text)
    chosen: list[Text] = []
    for left, kind in enumerate(sorted(kinds, key=lambda name: len(kinds[name]))):
        chosen += kinds[kind][: (rows - len(chosen)) // (len(kinds) - left)]
    return sorted(chosen, key=lambda text: text.id)


def translated(chosen: list[Text], language: str, engines: Engines) -> Iterator[tuple[str, ...]]:
    """Yield rows of Apertium's ways: the usual one for all, another for every third text."""
    for number, engine in enumerate(engines.ways("en", language)[:2]):
        asked = chosen if number == 0 else chosen[::SECOND_WAY]
        name = "apertium " + ">".join(getattr(engine, "chain", ()))
        for text, answer in zip(asked, engine.translate([text.english for text in asked]), strict=True):
            yield (text.id, text.cluster, text.kind, name, text.english, text.reference, bare(answer), answer, "")


def degraded(chosen: list[Text], language: str, degrader: Degrader) -> Iterator[tuple[str, ...]]:
    """Yield rows of people's translations with a neural engine's faults put in, for every second text."""
    for text in chosen[1::DEGRADED]:
        made = degrader.degrade(text, chosen)
        yield (text.id, text.cluster, text.kind, "degraded", text.english, text.reference,
               made.text, "", " ".join(made.faults))  # fmt: skip


def dictionary(language: str) -> WordTable | None:
    """Return the dictionary into a language; say so if there is none, as wrong senses then can't be put in."""
    try:
        return WordTable("en", language)
    except MissingDependency:
        print(f"{language}\tno dictionary: no wrong senses, synonyms or English words are put in", flush=True)
        return None


def main() -> None:
    """Collect, and say how much of what there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--languages", nargs="+", default=["fr"])
    parser.add_argument("--sources", nargs="+", default=list(known()), choices=list(known()))
    parser.add_argument("--rows", type=int, default=1000, help="texts of each source (default 1000)")
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--cache", type=Path, default=cache_folder() / "audit-sources")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    sources, engines = Sources(options.cache, options.photographs), Engines()
    for language in options.languages:
        degrader = Degrader(language, dictionary(language))
        for name in options.sources:
            found = sources.read(name, language)
            chosen = drawn(found, options.rows, f"{name} {language}")
            rows = [*translated(chosen, language, engines), *degraded(chosen, language, degrader)]
            if rows:
                named = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
                tables.write(options.out / language / f"{name}.tsv", named, COLUMNS)
            print(f"{language}\t{name}\t{len(found)} texts\t{len(chosen)} drawn\t{len(rows)} pairs", flush=True)


if __name__ == "__main__":
    main()
