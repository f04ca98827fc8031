"""How well answers are read: the share read right by language and kind, beside the published English rules.

    python benchmarks/reading/score.py tuning fr es
    python benchmarks/reading/score.py held_out --json

What is held out is run once, when the rules are done: of it no single answer is ever shown. `second` was held out until
2026-11-28 and may be looked at since, as `tuning`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from passerelle.evaluation.parsing import published
from passerelle.evaluation.parsing.localised import VERSION, is_read, option_of, same_answer, yes_or_no

FOLDER = Path(__file__).parent
KINDS = ("yes_no", "letter", "open")
SEEN = ("tuning", "second")
HALVES = (*SEEN, "held_out")
Row = Mapping[str, Any]
_Z = 1.959963984540054


def ours(row: Row, language: str) -> object:
    """Read an answer by the rules of its language."""
    if row["kind"] == "yes_no":
        return yes_or_no(row["answer"], language, row["question"])
    if row["kind"] == "letter":
        return _letter(option_of(row["answer"], row["options"], language))
    return same_answer(row["answer"], row["reference"], language, row["question"])


def theirs(row: Row, language: str) -> object:
    """Read an answer by the published rules: MME's for yes and no, MMBench's for letters, VQA's for open answers."""
    if row["kind"] == "yes_no":
        return published.mme_said(row["answer"])
    if row["kind"] == "letter":
        return _letter(published.mmbench_option(row["answer"], row["options"]))
    return published.vqa_words(row["answer"]) == published.vqa_words(row["reference"])


def _letter(place: int | None) -> str | None:
    return None if place is None else published.LETTERS[place]


def wilson(right: int, count: int) -> tuple[float, float]:
    """Return the 95% interval of a share (Wilson 1927), 0..1."""
    share, z = right / count, _Z
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def read_rows(half: str, language: str) -> list[Row]:
    """Read one half of a language's answers."""
    text = (FOLDER / half / f"{language}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def count(rows: list[Row], language: str, read: Callable[[Row, str], object]) -> dict[str, list[bool]]:
    """Say by kind which answers a reader reads right."""
    return {kind: [read(r, language) == r["meaning"] for r in rows if r["kind"] == kind] for kind in KINDS}


def taken_for_answers(rows: list[Row], language: str) -> int:
    """Count the answers that mean neither yes nor no, or no letter, and are read as one."""
    return sum(r["meaning"] is None and ours(r, language) is not None for r in rows)


def measure(half: str, language: str) -> dict[str, Any]:
    """Measure one language."""
    rows = read_rows(half, language)
    found: dict[str, Any] = {"language": language, "read": is_read(language), "answers": len(rows)}
    for name, reader in (("ours", ours), ("published", theirs)):
        if name == "ours" and not is_read(language):
            continue
        by_kind = count(rows, language, reader)
        by_kind["all"] = [right for kind in KINDS for right in by_kind[kind]]
        found[name] = {
            kind: {"right": sum(each), "of": len(each), "interval": wilson(sum(each), len(each))}
            for kind, each in by_kind.items()
            if each
        }
    if is_read(language):
        found["refusals_taken_for_answers"] = taken_for_answers(rows, language)
    return found


def table(measured: list[dict[str, Any]]) -> str:
    """Make a Markdown table."""
    head = (
        "| language | answers | yes and no | letters | open | all | published rules, all | refusals taken for answers |"
    )
    lines = [head, "| --- | ---: | --- | --- | --- | --- | --- | ---: |"]
    for each in measured:
        cells = [_cell(each.get("ours"), kind) for kind in (*KINDS, "all")] + [_cell(each["published"], "all")]
        refusals = each.get("refusals_taken_for_answers", "")
        lines.append(f"| {each['language']} | {each['answers']} | {' | '.join(cells)} | {refusals} |")
    return "\n".join(lines)


def _cell(shares: Mapping[str, Any] | None, kind: str) -> str:
    if shares is None:
        return "not known"
    if kind not in shares:
        return ""
    share = shares[kind]
    low, high = share["interval"]
    return f"{100 * share['right'] / share['of']:.0f}% [{100 * low:.0f}, {100 * high:.0f}]"


def show_wrong(half: str, language: str) -> None:
    """Print the answers of a half that are misread."""
    for row in read_rows(half, language):
        if (found := ours(row, language)) != row["meaning"]:
            about = row.get("options") or row.get("reference") or ""
            print(
                f"{language} {row['kind']}: {row['question']} {about}"
                f" | {row['answer']!r} is {row['meaning']}, read {found}"
            )


def main() -> None:
    """Score a half."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("half", choices=HALVES)
    parser.add_argument("languages", nargs="*", help="Codes  [all that the half has].")
    parser.add_argument("--wrong", action="store_true", help="Show what is misread; not of what is held out.")
    parser.add_argument("--json", action="store_true", help="Print JSON.")
    given = parser.parse_args()
    if given.wrong and given.half not in SEEN:
        parser.error("what is held out isn't shown.")
    there = sorted(file.stem for file in (FOLDER / given.half).glob("*.jsonl"))
    if missing := sorted({*given.languages} - {*there}):
        parser.error(f"{given.half} has no {', '.join(missing)}; it has: {', '.join(there) or 'nothing yet'}.")
    languages = given.languages or there
    if given.wrong:
        for language in filter(is_read, languages):
            show_wrong(given.half, language)
    measured = [measure(given.half, language) for language in languages]
    if given.json:
        json.dump({"half": given.half, "version": VERSION, "languages": measured}, sys.stdout, indent=1)
    else:
        print(table(measured))


if __name__ == "__main__":
    main()
