"""Pairs of a text, a person's translation and an engine's, of many sources, languages and engines.

    python -m benchmarks.audit.collect --out FOLDER [--languages fr es] [--sources NAME ...] [--rows 1000]
        [--photographs FILE.tsv] [--evaluations FOLDER] [--cache FOLDER]

Writes ``FOLDER/<language>/<source>.tsv``: id, cluster, kind, engine, en, reference, translation, faults (what was put
into a translation on purpose). The same command writes the same bytes. Texts are fetched from Debian's archive and from
this machine; they aren't shipped. ``--evaluations`` names the folder ``evaluation`` of a clone of
github.com/mozilla/firefox-translations-models: test sets with what neural engines made of them.

Engines: Apertium by two ways; ``mended``, what repair's candidates make of its texts, good and bad; ``neural NAME``;
``degraded``, people's translations with a neural engine's faults put in; ``people``, their translations as they are.
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
from passerelle.quality.repair.candidates import Pool, fitted
from passerelle.quality.repair.choice_trees import open_scorer
from passerelle.runs import cache_folder

COLUMNS = ("id", "cluster", "kind", "engine", "en", "reference", "translation", "faults")
MOST_OF_A_CLUSTER = 20
"""Texts of one program or document: none is a source by itself."""
SECOND_WAY, DEGRADED, MENDED, PEOPLES = 3, 2, 2, 5
"""Of so many texts one is translated by a second chain of Apertium, one by the degrading engine, one is mended, and of
one people's translation stands as an engine's."""
OF_FIRST = 300
"""Texts of a source, the first by id, of which some are mended: those that `benchmarks.audit.fit` reads."""


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
            yield (text.id, text.cluster, text.kind, name, text.english, text.reference, bare(answer), "")


def degraded(chosen: list[Text], language: str, degrader: Degrader) -> Iterator[tuple[str, ...]]:
    """Yield rows of people's translations with a neural engine's faults put in, for every second text."""
    for text in chosen[1::DEGRADED]:
        made = degrader.degrade(text, chosen)
        yield (text.id, text.cluster, text.kind, "degraded", text.english, text.reference,
               made.text, " ".join(made.faults))  # fmt: skip


def mended(chosen: list[Text], language: str, words: WordTable | None, engines: Engines) -> Iterator[tuple[str, ...]]:
    """Yield what repair would put in the place of Apertium's text, and for every other such text any candidate.

    Args:
        chosen: The texts; some of them are mended.
        language: BCP-47 code of the translations.
        words: A dictionary; ``None``: nothing is mended.
        engines: Apertium's.
    """
    asked = chosen[::MENDED]
    try:
        chains = engines.through("en", language)
    except MissingDependency:
        return
    if words is None or not asked:
        return
    english = [text.english for text in asked]
    pool = Pool(chains, words)
    own = [
        fitted(text, bare(answer))
        for text, answer in zip(english, next(iter(chains.values())).translate(english), strict=True)
    ]
    candidates = pool.candidates(english)
    scores = open_scorer("en", language, words, engines).scores(english, candidates)
    right = pool.mend(english, own)
    for number, (text, was, small) in enumerate(zip(asked, own, right, strict=True)):
        others = [(score, one.text) for score, one in zip(scores[number], candidates[number], strict=True)
                  if one.text != was]  # fmt: skip
        chance = random.Random(f"mended {text.id}")
        if small != was:
            made = small
        elif others:
            made = max(others)[1] if number % 2 else chance.choice(others)[1]
        else:
            continue
        yield (text.id, text.cluster, text.kind, "mended", text.english, text.reference, made, "")


def by_others(chosen: list[Text]) -> Iterator[tuple[str, ...]]:
    """Yield what neural engines made of the texts, engines in turn, and what people made of some."""
    for number, text in enumerate(chosen):
        if text.made:
            engine = sorted(text.made)[number % len(text.made)]
            yield (text.id, text.cluster, text.kind, f"neural {engine}", text.english, text.reference,
                   text.made[engine], "")  # fmt: skip
        if text.reference and number % PEOPLES == 0:
            yield (text.id, text.cluster, text.kind, "people", text.english, text.reference, text.reference, "")


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
    parser.add_argument("--evaluations", type=Path)
    parser.add_argument("--cache", type=Path, default=cache_folder() / "audit-sources")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    sources, engines = Sources(options.cache, options.photographs, options.evaluations), Engines()
    for language in options.languages:
        words = dictionary(language)
        degrader = Degrader(language, words)
        for name in options.sources:
            found = sources.read(name, language)
            chosen = drawn(found, options.rows, f"{name} {language}")
            by_people = [text for text in chosen if text.reference]
            rows = [
                *translated(by_people, language, engines), *degraded(by_people, language, degrader),
                *mended(by_people[:OF_FIRST], language, words, engines), *by_others(chosen),
            ]  # fmt: skip
            if rows:
                named = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
                tables.write(options.out / language / f"{name}.tsv", named, COLUMNS)
            print(f"{language}\t{name}\t{len(found)} texts\t{len(chosen)} drawn\t{len(rows)} pairs", flush=True)


if __name__ == "__main__":
    main()
