"""Draws pairs for a reader to judge, shown without engine, reference and scores; keeps the verdicts.

    python -m benchmarks.audit.judge draw DATA --out FOLDER     # writes sheet.txt to read, and key.tsv not to look at
    python -m benchmarks.audit.judge keep FOLDER                # writes benchmarks/audit/judged.tsv
    python -m benchmarks.audit.judge people CACHE               # adds what two people made of one text

``FOLDER/verdicts.txt`` has for each pair of the sheet a line: its number, ``yes`` or ``no``, and a word why. The
question: would a native reader accept the translation as saying the same as the text, in usable language? Texts that
may not be handed on stand in ``judged.tsv`` by their id only.

What two people made of the same text counts as accepted without being read: engines that are as good are missing
among the pairs that are judged, and a figure mustn't call people's translations lost.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.audit import tables
from benchmarks.audit.proxies import PROXIES, plain
from benchmarks.audit.sources import Sources
from benchmarks.audit.texts import Text, usable

JUDGED = Path(__file__).with_name("judged.tsv")
PAIRS = 300
LENGTHS = (1, 2, 4, 7, 11, 18)
"""Fewest words of the text in each group of lengths."""
ENGINES = {"first": 0.5, "second": 0.15, "degraded": 0.35}
"""Shares of pairs by Apertium's usual chain, by another chain of it, and by the engine that degrades."""
TWICE = ("programs", "games", "components", "debconf")
"""Sources in which texts occur that two people translated."""
CLOSED = ("photographs",)
"""Sources whose texts aren't to be handed on."""
COLUMNS = ("number", "id", "source", "kind", "engine", "faults", "words", "half", "accepted", "why", *PROXIES,
           "en", "reference", "translation")  # fmt: skip


def group(words: int) -> int:
    """Return the group of lengths of a text of so many words."""
    return sum(words >= fewest for fewest in LENGTHS) - 1


def draw(data: Path, pairs: int = PAIRS) -> list[dict[str, Any]]:
    """Draw pairs: sources in turn, lengths alike as far as there are any, engines by shares; half is kept apart.

    Args:
        data: A language's folder of tables.
        pairs: How many.
    """
    chance = random.Random("judged")
    chests: dict[tuple[str, str, int], list[dict[str, Any]]] = defaultdict(list)
    for path in sorted(data.glob("*.tsv")):
        rows = tables.read(path)
        first = rows[0]["engine"]
        for row in rows:
            engine = {"degraded": "degraded", first: "first"}.get(row["engine"], "second")
            words = len(row["en"].split())
            chests[path.stem, engine, group(words)].append({**row, "source": path.stem, "words": words})
    for chest in chests.values():
        chance.shuffle(chest)
    sources = sorted({source for source, _, _ in chests})
    taken: list[dict[str, Any]] = []
    used: set[str] = set()
    while len(taken) < pairs:
        source = sources[len(taken) % len(sources)]
        engine = chance.choices(list(ENGINES), list(ENGINES.values()))[0]
        filled = [n for n in range(len(LENGTHS)) if chests.get((source, engine, n))]
        counts = [sum(row["source"] == source and group(row["words"]) == n for row in taken) for n in filled]
        row = chests[source, engine, filled[counts.index(min(counts))]].pop()
        if row["id"] not in used:
            used.add(row["id"])
            taken.append(row)
    chance.shuffle(taken)
    return [{**row, "number": n, "half": ("choose", "keep")[n % 2]} for n, row in enumerate(taken, 1)]


def kept(key: list[dict[str, str]], verdicts: str) -> list[dict[str, Any]]:
    """Join pairs with their verdicts and with every proxy's figure.

    Raises:
        ValueError: A pair has no verdict.
    """
    said = {line.split()[0]: line.split(maxsplit=2)[1:] for line in verdicts.splitlines() if line.strip()}
    made = []
    for row in key:
        if row["number"] not in said:
            raise ValueError(f"pair {row['number']} has no verdict: add a line '{row['number']} yes|no why'")
        answer, *why = said[row["number"]]
        figures = {name: f"{proxy(row['translation'], row['reference']):.1f}" for name, proxy in PROXIES.items()}
        closed = dict.fromkeys(("en", "reference", "translation"), "") if row["source"] in CLOSED else {}
        made.append({**row, "accepted": int(answer == "yes"), "why": " ".join(why), **figures, **closed})
    return made


def people(sources: Sources, language: str = "fr", each: int = 26) -> list[dict[str, Any]]:
    """Return pairs of two people's translations of one text, so many of each group of lengths; half is kept apart."""
    said: dict[str, dict[str, Text]] = defaultdict(dict)
    for name in TWICE:
        for text in sources.all_of(name, language):
            for one in usable([text], name):
                said[one.english.lower().strip(".: ")].setdefault(plain(one.reference), one)
    chance, groups = random.Random("people"), defaultdict(list)
    for english, found in sorted(said.items()):
        if len(found) > 1:
            groups[group(len(english.split()))].append(list(found.values())[:2])
    made = []
    for _, pairs in sorted(groups.items()):
        for n, (one, other) in enumerate(chance.sample(pairs, min(each, len(pairs)))):
            figures = {name: f"{proxy(other.reference, one.reference):.1f}" for name, proxy in PROXIES.items()}
            half = ("choose", "keep")[n % 2]
            made.append({"number": "", "id": one.id, "source": one.id.rsplit("-", 1)[0], "kind": one.kind,
                         "engine": "people", "faults": "", "words": len(one.english.split()), "half": half,
                         "accepted": 1, "why": "people", **figures, "en": one.english,
                         "reference": one.reference, "translation": other.reference})  # fmt: skip
    return made


def main() -> None:
    """Draw, keep, or add people's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["draw", "keep", "people"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.what == "people":
        read = [row for row in tables.read(JUDGED) if row["engine"] != "people"]
        tables.write(JUDGED, [*read, *people(Sources(options.folder, None))], COLUMNS)
        return
    if options.what == "keep":
        rows = tables.read(options.folder / "key.tsv")
        tables.write(JUDGED, kept(rows, (options.folder / "verdicts.txt").read_text(encoding="utf-8")), COLUMNS)
        return
    drawn, out = draw(options.folder), options.out or options.folder
    out.mkdir(parents=True, exist_ok=True)
    unjudged = tuple(name for name in COLUMNS if name not in ("accepted", "why", *PROXIES))
    tables.write(out / "key.tsv", drawn, unjudged)
    sheet = (f"{row['number']}\n  {row['en']}\n  {row['translation']}\n" for row in drawn)
    (out / "sheet.txt").write_text("".join(sheet), encoding="utf-8")


if __name__ == "__main__":
    main()
