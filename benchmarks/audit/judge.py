"""Draws pairs for a reader to judge, shown without engine, reference and scores; keeps the verdicts.

    python -m benchmarks.audit.judge draw DATA --out FOLDER     # writes sheet.txt to read, and key.tsv not to look at
    python -m benchmarks.audit.judge keep FOLDER                # writes benchmarks/audit/judged.tsv
    python -m benchmarks.audit.judge people CACHE               # adds what two people made of one text
    python -m benchmarks.audit.judge draw-neural DATA --out FOLDER   # the same of neural engines' and people's texts
    python -m benchmarks.audit.judge keep-neural FOLDER         # writes benchmarks/audit/judged-neural.tsv

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
from passerelle.quality.evidence.chrf import sentence_chrf

JUDGED = Path(__file__).with_name("judged.tsv")
NEURAL = Path(__file__).with_name("judged-neural.tsv")
"""Verdicts on neural engines' and people's translations: ids only, as the texts aren't ours to hand on."""
PAIRS = 300
LENGTHS = (1, 2, 4, 7, 11, 18)
"""Fewest words of the text in each group of lengths."""
ENGINES = {"first": 0.5, "second": 0.15, "degraded": 0.35}
"""Shares of pairs by Apertium's usual chain, by another chain of it, and by the engine that degrades."""
DRAWN_NEURAL = {"wiki-dev": 200, "wiki-test": 150, "talks": 150}
"""Pairs by neural engines, by source: the first to choose by, the others kept apart."""
DRAWN_PEOPLE = {"wiki-test": 20, "stamps-train": 15, "photographs": 15}
"""People's own translations among them, so that it's seen how strict the reader is."""
SHEETS, TWICE_READ = 4, 15
"""Readers, and how many pairs of each sheet the next one reads too."""
NEURAL_COLUMNS = ("number", "id", "source", "engine", "words", "half", "accepted", "why", "again", "chrf")
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


def draw_neural(data: Path) -> list[dict[str, Any]]:
    """Draw pairs of neural engines and of people; lengths as they come."""
    chance = random.Random("judged neural")
    taken: list[dict[str, Any]] = []
    for is_neural, wanted in ((True, DRAWN_NEURAL), (False, DRAWN_PEOPLE)):
        for source, count in wanted.items():
            rows = [row for row in tables.read(data / f"{source}.tsv")
                    if (row["engine"].startswith("neural") if is_neural else row["engine"] == "people")]  # fmt: skip
            half = "choose" if source == "wiki-dev" else "keep"
            for row in chance.sample(rows, count):
                taken.append({**row, "source": source, "words": len(row["en"].split()), "half": half})
    chance.shuffle(taken)
    return [{**row, "number": n} for n, row in enumerate(taken, 1)]


def sheets_of(drawn: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Deal pairs out to readers; some of each sheet stand on the next one too."""
    dealt = [drawn[n::SHEETS] for n in range(SHEETS)]
    return [own + dealt[n - 1][:TWICE_READ] for n, own in enumerate(dealt)]


def verdicts(text: str) -> dict[str, list[str]]:
    """Return what a reader said of each pair, by its number: ``yes`` or ``no``, and a word why if there is one."""
    return {line.split()[0]: line.split(maxsplit=2)[1:] for line in text.splitlines() if line.strip()}


def kept_neural(folder: Path) -> list[dict[str, Any]]:
    """Join pairs with their verdicts, and with the second reader's where there is one.

    Raises:
        ValueError: A pair has no verdict.
    """
    key = tables.read(folder / "key.tsv")
    said = [verdicts((folder / f"verdicts-{n}.txt").read_text(encoding="utf-8")) for n in range(SHEETS)]
    made = []
    for place, row in enumerate(key):
        reader = place % SHEETS
        if row["number"] not in said[reader]:
            raise ValueError(f"pair {row['number']} has no verdict on sheet {reader}")
        answer, *why = said[reader][row["number"]]
        again = said[(reader + 1) % SHEETS].get(row["number"], [""])[0]
        figure = f"{sentence_chrf(row['translation'], row['reference']):.1f}" if row["reference"] else ""
        made.append({**row, "accepted": int(answer == "yes"), "why": " ".join(why), "again": again, "chrf": figure})
    return made


def kept(key: list[dict[str, str]], text: str) -> list[dict[str, Any]]:
    """Join pairs with their verdicts and with every proxy's figure.

    Raises:
        ValueError: A pair has no verdict.
    """
    said = verdicts(text)
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


def sheet(rows: list[dict[str, Any]]) -> str:
    """Write pairs down to be read, without what would give them away."""
    return "".join(f"{row['number']}\n  {row['en']}\n  {row['translation']}\n" for row in rows)


def main() -> None:
    """Draw, keep, or add people's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["draw", "keep", "people", "draw-neural", "keep-neural"])
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
    if options.what == "keep-neural":
        tables.write(NEURAL, kept_neural(options.folder), NEURAL_COLUMNS)
        return
    out = options.out or options.folder
    out.mkdir(parents=True, exist_ok=True)
    if options.what == "draw-neural":
        found = draw_neural(options.folder)
        tables.write(out / "key.tsv", found, ("number", "id", "source", "engine", "words", "half", "en", "reference",
                                              "translation"))  # fmt: skip
        for n, rows in enumerate(sheets_of(found)):
            (out / f"sheet-{n}.txt").write_text(sheet(rows), encoding="utf-8")
        return
    drawn = draw(options.folder)
    unjudged = tuple(name for name in COLUMNS if name not in ("accepted", "why", *PROXIES))
    tables.write(out / "key.tsv", drawn, unjudged)
    (out / "sheet.txt").write_text(sheet(drawn), encoding="utf-8")


if __name__ == "__main__":
    main()
