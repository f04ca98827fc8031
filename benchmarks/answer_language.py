"""How well the language of answers is told, on texts that people wrote: docs/reference/metrics.md has its table.

    python benchmarks/answer_language.py                               Tux Paint's captions, test side; CLDR's names
    python benchmarks/answer_language.py --gcompris FOLDER             GCompris' messages too
    python benchmarks/answer_language.py --captions captions.tsv       a column for each language, its code at the top
    python benchmarks/answer_language.py --data train --languages fr   what the margins were chosen on

Each language is asked for in turn. *accepted* are its own texts said to be in it, of those that were judged; *judged*
are all that weren't unknowable; *others accepted* are texts of other languages that were said to be in it, of all of
them.
"""

from __future__ import annotations

import argparse
import random
import re
import struct
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from passerelle.evaluation.metrics.answer_language import judge_answer
from passerelle.evaluation.statistics.shares import share
from passerelle.example.emoji import read_names
from passerelle.example.splits import stored
from passerelle.example.tuxpaint import FOLDER, read_captions
from passerelle.languages.contrast import refusal
from passerelle.languages.identify import words_of

MAIN = "fr es it pt de nl ca gl ro sv da pl".split()
FEW = 3
OTHERS = [
    *MAIN,
    "en",
    *"an ast oc af be bg br cs el eo et eu fi ga gd hr hu id is lt lv ms mk nb nn ru sk sl sq sr sw tr uk vi".split(),
    *"ar fa he hi ja ko zh".split(),
]
_FILES = {"pt_BR": "pt", "zh_CN": "zh", "no": "nb", "en_GB": "en"}
_MARKS = (b"\x3c\xb8\x64\x18", 16)

Texts = dict[str, list[str]]
"""Texts by language."""


def captions(side: str) -> Texts:
    """Read Tux Paint's captions of one side of the stored split."""
    found: Texts = defaultdict(list)
    for file in sorted(FOLDER.rglob("*.txt")):
        if stored().get(f"stamps/{file.relative_to(FOLDER).with_suffix('').as_posix()}") == side:
            for code, caption in read_captions(file).items():
                if code not in ("en_AU", "en_GB", "zh_TW", "ca@valencia"):
                    found[_FILES.get(code, code)].append(caption)
    return found


def emoji() -> Texts:
    """Read CLDR's names of emoji."""
    names = {code: list(read_names("no" if code == "nb" else code).values()) for code in OTHERS}
    return {code: found for code, found in names.items() if found}


def gcompris(folder: Path) -> Texts:
    """Read GCompris' messages (Debian gcompris-qt-data), as Qt keeps them, without markup and places for numbers."""
    found: Texts = defaultdict(list)
    for file in sorted(folder.glob("gcompris_*.qm")):
        code = file.stem.removeprefix("gcompris_")
        if code not in ("en", "ca@valencia", "zh_TW"):
            plain = (re.sub(r"<[^>]*>|&\w+;|%L?\d", " ", text).strip() for text in _messages(file.read_bytes()))
            found[_FILES.get(code, code)] += [text for text in plain if FEW <= len(text) <= 150]
    return found


def _messages(data: bytes) -> Iterator[str]:
    """Yield the translations of a ``.qm`` file: sections of a tag and a length, and so their parts."""
    magic, place = _MARKS
    if not data.startswith(magic):
        raise SystemExit("not a .qm file")
    while place + 5 <= len(data):
        tag, length = struct.unpack_from(">BI", data, place)
        section, place = data[place + 5 : place + 5 + length], place + 5 + length
        inner = 0
        while tag == 0x69 and inner < len(section):
            part = section[inner]
            if part in (1, 5):  # the end of a message; a number that is no longer used
                inner += 1 if part == 1 else 5
                continue
            (length,) = struct.unpack_from(">I", section, inner + 1)
            inner += 5
            if length != 0xFFFFFFFF:
                if part == 3:
                    yield section[inner : inner + length].decode("utf-16-be")
                inner += length


def columns(file: Path) -> Texts:
    """Read a table with tabs: a column for each language, its code at the top; other columns are left out."""
    head, *rows = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]
    return {code: [row[place] for row in rows] for place, code in enumerate(head) if code in OTHERS}


def measure(texts: Mapping[str, Sequence[str]], asked: str, most: int) -> dict[str, Counter[str]]:
    """Count the verdicts on the texts of each language where one is asked for; on few words apart, as ``few``."""
    counts: dict[str, Counter[str]] = {}
    for code, found in texts.items():
        if code not in OTHERS:
            continue
        different = list(dict.fromkeys(found))
        drawn = random.Random(1).sample(different, min(most, len(different)))
        verdicts = [judge_answer(text, "", asked).verdict for text in drawn]
        counts[code] = Counter(map(str, verdicts))
        if code == asked:
            longer = [verdict for verdict, text in zip(verdicts, drawn, strict=True) if len(words_of(text)) >= FEW]
            counts["longer"] = Counter(map(str, longer))
    return counts


def row(asked: str, counts: Mapping[str, Counter[str]], each: bool) -> str:
    """Write a row of the table."""
    own, longer = counts[asked], counts["longer"]
    others = {code: found for code, found in counts.items() if code not in (asked, "longer")}
    wrong, all_others = sum(found["target"] for found in others.values()), sum(map(Counter.total, others.values()))
    worst = sorted(others, key=lambda code: -others[code]["target"] / others[code].total())
    shown = [f"{code} {others[code]['target'] / others[code].total():.0%}" for code in worst[: None if each else 3]]
    cells = [
        f"`{asked}`",
        _share(own["target"], own["target"] + own["other"]),
        f"{_part(own.total() - own['unknowable'], own.total())} of {own.total()}",
        _part(longer.total() - longer["unknowable"], longer.total()),
        _share(wrong, all_others),
        f"{others['en']['target']} of {others['en'].total()}" if "en" in others else "–",
        ", ".join(name for name in shown if not name.endswith(" 0%")) or "–",
    ]
    return f"| {' | '.join(cells)} |"


def _part(count: int, of: int) -> str:
    return f"{100 * count / of:.0f}%" if of else "–"


def _share(count: int, of: int) -> str:
    if not of:
        return "–"
    found = share([1.0] * count + [0.0] * (of - count), [str(number) for number in range(of)])
    return f"{100 * found.value:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}]"


HEAD = f"""| asked for | accepted | judged | of {FEW} words and more | others accepted | English | most often |
|---|---|---|---|---|---|---|"""


def table(name: str, texts: Texts, languages: Sequence[str], most: int, each: bool) -> str:
    """Measure and write one source's table."""
    rows = [row(asked, measure(texts, asked, most), each) for asked in languages if texts.get(asked)]
    return "\n".join((f"**{name}**", "", HEAD, *rows))


def main() -> None:
    """Measure what is asked for; print it, or write it into a page between the marks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--languages", nargs="+", default=MAIN)
    parser.add_argument("--data", choices=("test", "development", "train"), default="test")
    parser.add_argument("--only", choices=("captions", "emoji", "gcompris", "own"))
    parser.add_argument("--gcompris", type=Path, help="the folder of gcompris_XX.qm")
    parser.add_argument("--captions", type=Path, help="a table of your own")
    parser.add_argument("--most", type=int, default=400, help="texts of each language")
    parser.add_argument("--each", action="store_true", help="say of each other language how often it is accepted")
    parser.add_argument("--write", type=Path, help="the page")
    args = parser.parse_args()
    sources = {
        "captions": (f"Tux Paint's captions, {args.data} side", lambda: captions(args.data)),
        "emoji": ("CLDR's names of emoji", emoji),
        "gcompris": ("GCompris' messages", lambda: gcompris(args.gcompris)),
        "own": ("Photo captions", lambda: columns(args.captions)),
    }
    names = [name for name in sources if args.only in (None, name)]
    names = [name for name in names if {"gcompris": args.gcompris, "own": args.captions}.get(name, name)]
    for code in args.languages:
        if reason := refusal(code):
            raise SystemExit(reason)
    began = time.perf_counter()
    written = "\n\n".join(
        table(title, read(), args.languages, args.most, args.each) for title, read in (sources[name] for name in names)
    )
    print(written)
    print(f"\n{time.perf_counter() - began:.0f} s")
    if args.write:
        _write(args.write, written)


def _write(page: Path, text: str) -> None:
    begin, end = "<!-- answer_language.py -->", "<!-- end -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    page.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
