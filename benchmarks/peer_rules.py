"""Raw scores beside their peers': each published rule against the peer's own code, answer by answer.

    python benchmarks/peer_rules.py                    # against the verdicts stored in tests/evaluation/peer_rules.json
    python benchmarks/peer_rules.py --python /tmp/peers/bin/python --lmms-eval FOLDER --vlmevalkit FOLDER [--write]

The folders are those that hold the packages `lmms_eval` (an unpacked wheel) and `vlmeval` (a checkout); what the Python
needs is in benchmarks/README.md. With `--write` the verdicts are stored anew; exit code 1 where any differs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from passerelle.evaluation.benchmarks import ai2d, gqa, mmbench, mme, mmmu, pope, scienceqa, vqav2
from passerelle.evaluation.benchmarks.base import Item, Measure
from passerelle.evaluation.benchmarks.registry import BENCHMARKS
from passerelle.evaluation.parsing.peers import LMMS_EVAL, VLMEVALKIT, versioned
from passerelle.evaluation.parsing.published import vqa_accuracy
from passerelle.records import Answer

ROOT = Path(__file__).resolve().parents[1]
STORED = ROOT / "tests" / "evaluation" / "peer_rules.json"
PATTERNS = Path(__file__).with_name("peer_answers.toml")
TUNING = Path(__file__).with_name("reading") / "tuning"
OTHERS = ("fr", "es", "de", "it")
LETTERS = "ABCDEFGHI"
NAMES = (LMMS_EVAL, VLMEVALKIT)
KINDS = {
    "choice": ("mmbench", "scienceqa", "mmmu", "ai2d"),
    "yes_no": ("pope", "mme"),
    "open": ("vqav2", "gqa", "mmmu"),
}
TOGETHER = ("circular", "pope_figures", "mme_total")
Case = dict[str, Any]


def make_answers() -> Case:
    """Return the answers, each once: patterns filled in, and those of the tuning half."""
    given = tomllib.loads(PATTERNS.read_text(encoding="utf-8"))
    choice, yes_no, open_ = given["choice"], given["yes_no"], given["open"]
    cases = {
        "choice": [
            *_choices(choice),
            *({"answer": a, "options": o} for a, o in _turning(choice["alone"], choice["options"])),
        ],
        "yes_no": [
            {"answer": pattern.format(Y=word, y=word.lower(), Z=word.upper())}
            for pattern in yes_no["patterns"]
            for word in ("Yes", "No")
        ]
        + [{"answer": text} for text in yes_no["alone"]],
        "open": [*_open(open_), *({"answer": a, **case} for a, case in _turning(open_["alone"], open_["cases"]))],
    }
    for row in _tuning():
        kind = {"letter": "choice", "yes_no": "yes_no", "open": "open"}[row["kind"]]
        references = (
            {"references": [row["reference"]], "people": [row["reference"]] * 9 + ["other"]} if kind == "open" else {}
        )
        options = {"options": row["options"]} if kind == "choice" else {}
        cases[kind].append({"answer": row["answer"], **options, **references})
    return {kind: _once(rows) for kind, rows in cases.items()} | _together()


def _choices(given: Mapping[str, Any]) -> Iterator[Case]:
    """Fill the patterns in, each with three sets of options in turn."""
    number = 0
    for pattern in given["patterns"]:
        for _ in range(3):
            options = given["options"][number % len(given["options"])]
            there = [place for place, text in enumerate(options) if text]
            place, other = there[number % len(there)], there[(number + 1) % len(there)]
            letter = LETTERS[place]
            text = pattern.format(L=letter, l=letter.lower(), O=options[place], M=LETTERS[other])
            yield {"answer": text, "options": options}
            number += 1


def _open(given: Mapping[str, Any]) -> Iterator[Case]:
    cases = given["cases"]
    for number, pattern in enumerate(given["patterns"]):
        for turn in range(4):
            case, other = cases[(number + 3 * turn) % len(cases)], cases[(number + 1) % len(cases)]
            said = (case if turn < 3 else other)["references"][0]
            yield {"answer": pattern.format(R=said), **case}


def _turning(texts: Sequence[str], things: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for number, text in enumerate(texts):
        for turn in range(2):
            yield text, things[(number + 3 * turn) % len(things)]


def _tuning() -> Iterator[Case]:
    """Yield the English answers, and the first ten of each kind in some languages."""
    for code in ("en", *OTHERS):
        taken = dict.fromkeys(("letter", "yes_no", "open"), 0)
        for line in (TUNING / f"{code}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            taken[row["kind"]] += 1
            if code == "en" or taken[row["kind"]] <= 10:
                yield row


def _once(rows: Sequence[Case]) -> list[Case]:
    return list({json.dumps(row, ensure_ascii=False): row for row in rows}.values())


def _together() -> Case:
    """Return answers that are scored together: rotations, POPE's figures, MME's total."""
    said = (
        "{L}",
        "{L}.",
        "The answer is {L}",
        "I would say that it is {L} here",
        "opt{n}",
        "It is opt{n}.",
        "A thing: {L}",
        "?",
        "({L})",
        "{L} or not",
        "It shows a thing that nobody would call anything but {L}, all in all",
        "{L}x",
        "Surely opt{n}, and nothing of another kind that one might think of",
    )
    circular = []
    for base in range(100):
        for turn in range(4):
            right = "ABCD"[(base - turn) % 4]
            letter = right if (base * 7 + turn * base) % 11 else "ABCD"[(base + 1) % 4]
            text = said[(base + (turn if base % 3 == 0 else 0)) % len(said)]
            text = text.format(L=letter, n=("ABCD".index(letter) + turn) % 4)
            circular.append(rotation(base + 1 + turn * mmbench.TURN, right, text, f"c{base % 3}"))
    texts = ("Yes", "No", "yes", "no", "Yes.", "No, there is none.", "maybe", "A dog", "There is no dog", "Yes, yes")
    truths = ("yes", "no", "no", "yes")
    parts = [
        *("OCR", "artwork", "celebrity", "color", "count", "existence", "landmark", "position", "posters", "scene"),
        *mme.COGNITION,
    ]
    pairs = [(part, str(number)) for part in parts for number in range(5)]
    return {
        "circular": circular,
        "pope_figures": [[texts[(n * 3) % 10], truths[n % 4]] for n in range(120)],
        "mme_total": [
            [part, number, texts[(place * 7 + turn * 3) % 10], ("yes", "no")[turn]]
            for place, (part, number) in enumerate(pairs)
            for turn in range(2)
        ],
    }


def rotation(index: int, answer: str, prediction: str, category: str) -> Case:
    """Return a rotation of an MMBench question, with its options."""
    options = {letter: f"opt{(place + index // mmbench.TURN) % 4}" for place, letter in enumerate("ABCD")}
    return {"index": index, "answer": answer, "prediction": prediction, "category": category, **options}


def ask_peers(answers: Case, python: str, folders: Mapping[str, str]) -> Case:
    """Return what the peers' own code makes of the answers."""
    script = str(Path(__file__).with_name("peer_verdicts.py"))
    given = json.dumps({"folders": folders, **answers})
    done = subprocess.run([python, script], input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the peers' code fails:\n{done.stderr[-2000:]}")
    found: Case = json.loads(done.stdout)
    return found


def ours(case: Case, kind: str, benchmark: str, rules: str) -> Any:
    """Return what our rules make of one answer, as `peer_verdicts.py` writes it."""
    answer = case["answer"]
    if kind == "yes_no":
        return YES_NO[benchmark][rules](answer)
    if kind == "choice":
        options = case["options"] if benchmark == "mmbench" else [text for text in case["options"] if text]
        place = CHOICE[benchmark](rules)(answer, options)
        return None if place is None else LETTERS[place]
    if benchmark == "mmmu":
        return float(mmmu.RULES[rules][1](answer, case["references"]))
    read = OPEN[benchmark][rules]
    if benchmark == "gqa":
        return float(read(answer) == read(case["references"][0]))
    return vqa_accuracy(read(answer), [read(text) for text in case["people"]])


CHOICE = {
    "mmbench": lambda rules: mmbench.RULES[rules],
    "scienceqa": lambda rules: scienceqa.RULES[rules],
    "mmmu": lambda rules: mmmu.RULES[rules][0],
    "ai2d": lambda rules: ai2d.RULES[rules],
}
YES_NO = {"pope": pope.RULES, "mme": mme.RULES}
OPEN = {"vqav2": vqav2.RULES, "gqa": gqa.RULES}


def value(measures: Sequence[Measure], metric: str, subtask: str = "") -> float:
    """Return a figure by the published rules."""
    found = next(m for m in measures if (m.parser, m.metric, m.subtask) == ("published", metric, subtask))
    return float(found.statistic(np.ones((1, len(found.units))))[0])


def ours_together(answers: Case, rules: str) -> Case:
    """Return our figures of what is scored together."""
    items, said = [], []
    for row in answers["circular"]:
        group, place = str(row["index"] % mmbench.TURN), LETTERS.index(row["answer"])
        options = tuple(row[c] for c in "ABCD")
        items.append(
            Item(str(row["index"]), "q", "en", options=options, correct=place, subtask=row["category"], group=group)
        )
        said.append(Answer(items[-1].id, text=row["prediction"]))
    circular = mmbench.score(items, said, "generate", rules)
    parts = sorted({item.subtask for item in items})
    yes_no = pope.score(*_yes_no([(text, truth, "", "") for text, truth in answers["pope_figures"]]), "generate", rules)
    total = mme.score(
        *_yes_no([(a, t, part, f"{part}/{pair}") for part, pair, a, t in answers["mme_total"]]), "generate", rules
    )
    return {
        "circular": {
            "overall": value(circular, "circular") / 100,
            "categories": {part: value(circular, "circular", part) / 100 for part in parts},
        },
        "pope_figures": {name: value(yes_no, name) / 100 for name in ("accuracy", "precision", "recall", "f1")},
        "mme_total": value(total, "total"),
    }


def _yes_no(rows: Sequence[tuple[str, str, str, str]]) -> tuple[list[Item], list[Answer]]:
    items = [
        Item(str(n), "q", "en", options=("Yes", "No"), correct=0 if truth == "yes" else 1, subtask=part, group=group)
        for n, (_, truth, part, group) in enumerate(rows)
    ]
    return items, [Answer(str(n), text=row[0]) for n, row in enumerate(rows)]


def same(a: Any, b: Any) -> bool:
    """Whether two verdicts are the same, figures within rounding."""
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    return abs(a - b) < 1e-9 if isinstance(a, float) and isinstance(b, float | int) else bool(a == b)


def compare(answers: Case, verdicts: Case) -> Iterator[tuple[str, str, int, list[str]]]:
    """Yield benchmark, peer, how many answers, and those that are scored otherwise."""
    for name in NAMES:
        mine = ours_together(answers, name)
        counted: dict[str, tuple[int, list[str]]] = {}
        for kind, benchmarks in KINDS.items():
            for benchmark in benchmarks:
                count, differing = counted.get(benchmark, (0, []))
                for case, verdict in zip(answers[kind], verdicts[name][kind], strict=True):
                    found = ours(case, kind, benchmark, name)
                    if not same(verdict[benchmark], found):
                        differing = [*differing, f"{case}: {verdict[benchmark]!r}, here {found!r}"]
                counted[benchmark] = (count + len(answers[kind]), differing)
        for benchmark, (count, differing) in counted.items():
            yield benchmark, name, count, differing
        for what in TOGETHER:
            wrong = [] if same(verdicts[name][what], mine[what]) else [f"{verdicts[name][what]}, here {mine[what]}"]
            yield what.replace("_", " "), name, len(answers[what]), wrong


def stored_text(answers: Case, verdicts: Case) -> str:
    """Write answers and verdicts as JSON, a line each; options and what people said once."""
    things = {kind: _once([_thing(case) for case in answers[kind]]) for kind in KINDS}
    lines = [f'"versions": {json.dumps({name: versioned(name) for name in NAMES})}']
    for kind, benchmarks in KINDS.items():
        said = [
            [case["answer"], things[kind].index(_thing(case))]
            + [[verdicts[name][kind][place][benchmark] for benchmark in benchmarks] for name in NAMES]
            for place, case in enumerate(answers[kind])
        ]
        lines += [_listed(f"{kind} things", things[kind]), _listed(kind, said)]
    lines.append(_listed("circular", [list(row.values())[:4] for row in answers["circular"]]))
    lines += [_listed(what, answers[what]) for what in TOGETHER[1:]]
    together = {name: {what: verdicts[name][what] for what in TOGETHER} for name in NAMES}
    return "{\n" + ",\n".join([*lines, f'"together": {json.dumps(together)}']) + "\n}\n"


def _listed(name: str, rows: Sequence[Any]) -> str:
    return f'"{name}": [\n' + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]"


def _thing(case: Case) -> Case:
    return {name: value for name, value in case.items() if name != "answer"}


def read_stored() -> tuple[Case, Case]:
    """Return the stored answers, and the peers' verdicts."""
    given = json.loads(STORED.read_text(encoding="utf-8"))
    answers: Case = {what: given[what] for what in TOGETHER}
    answers["circular"] = [rotation(*row) for row in given["circular"]]
    verdicts: Case = {name: dict(given["together"][name]) for name in NAMES}
    for kind, benchmarks in KINDS.items():
        things = given[f"{kind} things"]
        answers[kind] = [{"answer": row[0], **things[row[1]]} for row in given[kind]]
        for number, name in enumerate(NAMES, 2):
            verdicts[name][kind] = [dict(zip(benchmarks, row[number], strict=True)) for row in given[kind]]
    return answers, verdicts


def main() -> None:
    """Compare, print the table, and the first answers that are scored otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="Python that runs the peers' code")
    parser.add_argument("--lmms-eval", help="folder that holds lmms_eval")
    parser.add_argument("--vlmevalkit", help="folder that holds vlmeval")
    parser.add_argument("--write", action="store_true", help="store the verdicts")
    given = parser.parse_args()
    if given.lmms_eval and given.vlmevalkit:
        answers = make_answers()
        verdicts = ask_peers(answers, given.python, {LMMS_EVAL: given.lmms_eval, VLMEVALKIT: given.vlmevalkit})
        if given.write:
            STORED.write_text(stored_text(answers, verdicts), encoding="utf-8")
    else:
        answers, verdicts = read_stored()
    print("| benchmark | rules | answers | scored alike |\n|---|---|---|---|")
    failed = False
    for benchmark, name, count, differing in compare(answers, verdicts):
        alike = count - len(differing) if benchmark in BENCHMARKS else ("no" if differing else "yes")
        print(f"| {benchmark} | {versioned(name)} | {count} | {alike} |")
        failed = failed or bool(differing)
        for line in differing[:5]:
            print(f"    {line}", file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
