"""How well answers are read: the share read right by language and kind, beside the published English rules.

    python benchmarks/reading/score.py tuning fr es
    python benchmarks/reading/score.py held_out --json

What is held out is run once, when the rules are done: of it no single answer is ever shown. `second` was held out until
2026-11-28 and may be looked at since, as `tuning`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from passerelle.evaluation.parsing import published
from passerelle.evaluation.parsing.localised import VERSION, is_read
from passerelle.evaluation.parsing.trial import KINDS, Labelled, lines_of, read_labelled, shares_of, try_answers

FOLDER = Path(__file__).parent
SEEN = ("tuning", "second")
HALVES = (*SEEN, "held_out")


def theirs(answer: Labelled) -> object:
    """Read an answer by the published rules: MME's for yes and no, MMBench's for letters, VQA's for open answers."""
    if answer.kind == "yes_no":
        return published.mme_said(answer.answer)
    if answer.kind == "letter":
        place = published.mmbench_option(answer.answer, answer.options)
        return None if place is None else published.LETTERS[place]
    return published.vqa_words(answer.answer) == published.vqa_words(answer.reference)


def answers_of(half: str, language: str) -> list[Labelled]:
    """Read one half of a language's answers."""
    return read_labelled(FOLDER / half / f"{language}.jsonl")


def measure(half: str, language: str) -> dict[str, Any]:
    """Measure one language."""
    answers = answers_of(half, language)
    found: dict[str, Any] = {"language": language, "read": is_read(language), "answers": len(answers)}
    found["published"] = _plain(shares_of([(each, theirs(each)) for each in answers]))
    if is_read(language):
        tried = try_answers(answers, language)
        found |= {"ours": _plain(tried.right), "refusals": tried.nothing, "refusals_taken_for_answers": tried.taken}
    return found


def _plain(shares: Mapping[str, Any]) -> dict[str, Any]:
    return {
        kind: {"right": round(each.value * count), "of": count, "interval": [each.low, each.high]}
        for kind, (each, count) in shares.items()
    }


def table(measured: Sequence[Mapping[str, Any]]) -> str:
    """Make a Markdown table."""
    head = (
        "| language | answers | yes and no | letters | open | all | published rules, all | refusals taken for answers |"
    )
    lines = [head, "| --- | ---: | --- | --- | --- | --- | --- | ---: |"]
    for each in measured:
        cells = [_cell(each.get("ours"), kind) for kind in (*KINDS, "all")] + [_cell(each["published"], "all")]
        taken = f"{each['refusals_taken_for_answers']} of {each['refusals']}" if each["read"] else ""
        lines.append(f"| {each['language']} | {each['answers']} | {' | '.join(cells)} | {taken} |")
    return "\n".join(lines)


def _cell(shares: Mapping[str, Any] | None, kind: str) -> str:
    if shares is None:
        return "not known"
    if kind not in shares:
        return ""
    share = shares[kind]
    low, high = share["interval"]
    return f"{100 * share['right'] / share['of']:.0f}% [{100 * low:.0f}, {100 * high:.0f}]"


def main() -> None:
    """Score a half."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("half", choices=HALVES)
    parser.add_argument("languages", nargs="*", help="Codes  [all that the half has].")
    parser.add_argument("--wrong", action="store_true", help="Show what is misread; not of the held-out half.")
    parser.add_argument("--json", action="store_true", help="Print JSON.")
    given = parser.parse_args()
    if given.wrong and given.half not in SEEN:
        parser.error("the held-out half's answers aren't shown.")
    languages = given.languages or sorted(file.stem for file in (FOLDER / given.half).glob("*.jsonl"))
    for language in languages:
        if not (FOLDER / given.half / f"{language}.jsonl").is_file():
            parser.error(f"{given.half} holds nothing yet in {language!r}.")
    if given.wrong:
        for language in filter(is_read, languages):
            print(language, *lines_of(try_answers(answers_of(given.half, language), language)), sep="\n")
    measured = [measure(given.half, language) for language in languages]
    if given.json:
        json.dump({"half": given.half, "version": VERSION, "languages": measured}, sys.stdout, indent=1)
    else:
        print(table(measured))


if __name__ == "__main__":
    main()
