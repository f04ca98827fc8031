"""What an evaluation leaves behind: figures, and every answer with all that reading it needs."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from passerelle.costs.flops import added
from passerelle.errors import InputError, first_line
from passerelle.evaluation.asking.asking import Cost
from passerelle.evaluation.asking.prompts import prompt_of
from passerelle.evaluation.benchmarks.base import Item, Measure, Parser
from passerelle.evaluation.benchmarks.scoring import GENERATE
from passerelle.evaluation.checksums import checksum_of
from passerelle.evaluation.metrics.answer_language import judge_answer
from passerelle.evaluation.metrics.answer_reading import asked_of
from passerelle.evaluation.parsing.localised import why_unread
from passerelle.evaluation.results import Everything, Results, Said, headline_of
from passerelle.languages.contrast import refusal
from passerelle.provenance import hardware, versions
from passerelle.records import Answer
from passerelle.runs import write_atomically, write_json


def write_results(
    folder: Path,
    languages: str,
    said: Everything,
    results: Results,
    suspects: Mapping[str, set[str]],
    judged: list[dict[str, Any]],
    decided: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write ``results.json``, ``answers.jsonl`` and, where pyarrow is installed, ``answers.parquet``.

    Args:
        folder: Where to.
        languages: That were asked for.
        said: What was said.
        results: The figures.
        suspects: Ids of suspect items by benchmark.
        judged: What a judge found.
        decided: Who decided what rules had left unread.

    Returns:
        What ``results.json`` holds.

    Raises:
        StorageError: The disk is full.
    """
    rows = list(answer_rows(said, results))
    found = {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "hardware": hardware(),
        "languages": languages,
        "tests": _checksums(said),
        "figures": [dataclasses.asdict(figure) for figure in results.figures],
        "comparisons": [dataclasses.asdict(comparison) for comparison in results.comparisons],
        "gaps": [gap.as_dict() for gap in results.gaps],
        "suspects": {name: sorted(ids) for name, ids in suspects.items()},
        "judged": judged,
        "decided": decided,
        "speed": _speed(said),
        "readings": [dataclasses.asdict(reading) for reading in results.readings.values()],
        "warnings": results.warnings,
        "unread": _by_reason(rows),
        "notes": results.notes,
    }
    write_json(folder / "results.json", found)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_atomically(folder / "answers.jsonl", lines)
    _write_parquet(rows, folder / "answers.parquet")
    return found


def _checksums(said: Everything) -> list[dict[str, Any]]:
    tests = {
        (name, code): each.test
        for by_name in said.values()
        for name, by in by_name.items()
        for code, each in by.items()
    }
    return [checksum_of(test) for test in tests.values()]


def _by_reason(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Count the answers that the reading that counts leaves unread, by reason."""
    reasons: dict[tuple[str, str, str], Counter[str]] = {}
    for row in rows:
        if row["unread"]:
            where = row["system"], row["benchmark"], row["language"]
            reasons.setdefault(where, Counter())[row["unread"]] += 1
    return [
        {"system": system, "benchmark": name, "language": code, "reasons": dict(found)}
        for (system, name, code), found in reasons.items()
    ]


_SUMMED: tuple[Cost, ...] = get_args(Cost)


def _speed(said: Everything) -> list[dict[str, Any]]:
    rows = []
    for system, benchmarks in said.items():
        for name, languages in benchmarks.items():
            for code, each in languages.items():
                if any(seed.total("seconds") for seed in each.seeds):
                    sums = {str(what): sum(seed.total(what) for seed in each.seeds) for what in _SUMMED}
                    row: dict[str, Any] = {"system": system, "benchmark": name, "language": code, **sums}
                    if not all(seed.is_measured for seed in each.seeds):
                        row |= {"processor_seconds": None, "device_seconds": None}
                    if not all(seed.tells_written for seed in each.seeds):
                        row["written_bytes"] = None
                    row["flops_by_part"] = added(*(seed.flops_by_part() for seed in each.seeds))
                    waits = [seconds for seed in each.seeds for seconds in seed.waits()]
                    row["asked_by_themselves"] = [round(seconds, 6) for seconds in waits]
                    rows.append({**row, "answers": sum(len(seed.kept) for seed in each.seeds)})
    return rows


def answer_rows(said: Everything, results: Results) -> Iterator[dict[str, Any]]:
    """Yield every answer with all that reading it needs, and how it was read as it counts."""
    for system, benchmarks in said.items():
        for name, languages in benchmarks.items():
            for code, each in languages.items():
                parser = results.parser(name, code)
                measured = each.measures(each.answered(), with_language=False) if each.answered() else []
                read, right, unread = _verdicts(each.by_answer(parser, measured))
                scores = _scores(headline_of(measured, parser), len(each.answered()))
                told = not refusal(code)
                for number, seed in enumerate(each.seeds):
                    for item in each.test.items:
                        if item.id not in seed.kept:
                            continue
                        kept = seed.kept[item.id]
                        prompt = prompt_of(item, each.test.benchmark, each.method != GENERATE, is_asked=False)
                        text = kept.answer.text
                        judged = judge_answer(text, prompt, code).verdict if text and told else ""
                        yield {
                            "system": system,
                            "seed": number + 1,
                            "benchmark": name,
                            "kind": each.test.benchmark.kind,
                            "language": code,
                            "id": item.id,
                            "group": item.group,
                            "picture": str(each.test.pictures.get(str(item.picture), item.picture or "")),
                            "prompt": prompt,
                            "options": list(item.options),
                            "correct": item.correct,
                            "references": list(item.references),
                            "text": kept.answer.text,
                            "logprobs": list(kept.answer.logprobs),
                            "priors": list(kept.answer.priors),
                            "tokens": list(kept.answer.tokens),
                            "seconds": kept.seconds,
                            "translated_by": kept.translated_by,
                            "read": read.get((number, item.id)),
                            "right": right.get((number, item.id)),
                            "score": scores.get((number, item.id)),
                            "unread": why_left(each, item, kept.answer, parser) if (number, item.id) in unread else "",
                            "decided_by": decided.by if (decided := each.decision(number, item.id)) else "",
                            "in_language": judged,
                        }


def read_answers(path: Path) -> list[dict[str, Any]]:
    """Return the answers that an evaluation left in ``answers.jsonl``, in its order.

    Raises:
        InputError: There is no such file, or it is broken.
    """
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    except (OSError, ValueError) as error:
        raise InputError(f"no answers at {str(path)!r}: {first_line(error)}") from None


def why_left(said: Said, item: Item, answer: Answer, parser: Parser) -> str:
    """Say why an answer is unread."""
    if parser == "published":
        return "not read by the published rule"
    options = item.options if asked_of(item, said.test.benchmark) == "letter" else ()
    return why_unread(answer.text, item.language, options)


def _verdicts(
    seeds: Sequence[Measure] | None,
) -> tuple[dict[tuple[int, str], str], dict[tuple[int, str], bool], set[tuple[int, str]]]:
    """Return how each answer was read, whether it was right, and which weren't read, by seed and question."""
    read: dict[tuple[int, str], str] = {}
    right: dict[tuple[int, str], bool] = {}
    unread: set[tuple[int, str]] = set()
    for number, measure in enumerate(seeds or ()):
        read |= {(number, u): json.dumps(c) for u, c in zip(measure.units, measure.chosen or (), strict=True)}
        if measure.right is not None:
            right |= {(number, u): r for u, r in zip(measure.units, measure.right, strict=True)}
        if measure.unread is not None:
            flags = zip(measure.units, measure.unread.flags, strict=True)
            unread |= {(number, unit) for unit, flag in flags if flag}
    return read, right, unread


def _scores(headline: Sequence[Measure] | None, answers: int) -> dict[tuple[int, str], float]:
    """Return what each answer scores of the benchmark's own metric, in its unit, by seed and question.

    Args:
        headline: The metric, for every seed.
        answers: How many answers it is of; where it is of groups of them, none scores by itself.
    """
    return {
        (number, unit): scored
        for number, measure in enumerate(headline or ())
        if measure.scores is not None and len(measure.units) == answers
        for unit, scored in zip(measure.units, measure.scores, strict=True)
    }


def _write_parquet(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the answers as Parquet too, where pyarrow is installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return
    import io

    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), buffer)
    write_atomically(path, buffer.getvalue())
