"""What differs between two runs of one comparison: settings, versions, data, answers, scores, costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from passerelle.comparison.reproduction.data_files import Changed
from passerelle.errors import InputError
from passerelle.evaluation.writing import read_answers
from passerelle.report.parse import as_list, as_mapping, as_number, as_text, mappings
from passerelle.report.several.together import COSTS, as_json, put_together
from passerelle.report.wording import duration, interval, listed, signed
from passerelle.runs import ResultsFile

BEFORE, AGAIN = "before", "again"
_SAID = ("text", "read")
_OF_SCORES = ("arm", "language", "metric", "test"), ("value", "low", "high", "signature")
_NUMBERS = ("logprobs", "priors")
ROUNDING = 1e-3
"""Log-likelihoods that differ by no more than this differ by the order of additions."""
Row = Mapping[str, Any]
Key = tuple[str, str, str, str, str]


def differences(
    found: ResultsFile, results: Mapping[str, Any], folder: Path, changed: Sequence[Changed]
) -> dict[str, Any]:
    """Say what differs between a comparison and the same once more.

    Args:
        found: The first.
        results: Results of the second.
        folder: Its run folder.
        changed: What of what they read isn't the same.

    Returns:
        ``settings``, ``versions``, ``hardware``, ``data``, ``engines``: what is other, before and now; ``answers``: by
        arm, test and language how many are the same to the last bit, the same but for rounding, read the same from
        other likelihoods, others, or missing; ``scores``: each before and now; ``comparisons``: paired differences,
        again minus before, and ``not_comparable`` with reasons; ``costs``: before and now; ``same``: whether
        all answers are the same to the last bit.
    """
    before = found.content
    answers = list(_answers(found.folder, folder))
    several = as_json(put_together([(BEFORE, found.path), (AGAIN, folder)]))
    return {
        "of": str(found.path),
        "run": str(folder),
        "settings": _changes(_flat(before.get("config")), _flat(results.get("config"))),
        "versions": _changes(_flat(before.get("versions")), _flat(results.get("versions"))),
        "hardware": _changes(_flat(before.get("hardware")), _flat(results.get("hardware"))),
        "data": [*(asdict(each) for each in changed), *_tests(before, results)],
        "engines": _changes(_engines(before), _engines(results)),
        "answers": answers,
        "scores": _sides(several["scores"], *_OF_SCORES),
        "comparisons": several["comparisons"],
        "not_comparable": several["not_comparable"],
        "costs": _sides(several["costs"], ("arm", "sum"), COSTS),
        "costs_caveat": several["costs_caveat"],
        "arms": _changes(_arms(before), _arms(results)),
        "same": bool(answers) and all(each["same"] == each["before"] == each["now"] for each in answers),
    }


def _flat(value: object, prefix: str = "") -> dict[str, Any]:
    """Return the settings in a mapping with the whole way to each."""
    if isinstance(value, Mapping) and value:
        return {key: each for name, inner in value.items() for key, each in _flat(inner, f"{prefix}.{name}").items()}
    return {prefix.removeprefix("."): value} if prefix else {}


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"what": key, "before": before.get(key), "now": now.get(key)}
        for key in dict.fromkeys((*before, *now))
        if before.get(key) != now.get(key)
    ]


def _engines(results: Mapping[str, Any]) -> dict[str, Any]:
    return {as_text(arm.get("name")): list(as_list(arm.get("translated_by"))) for arm in mappings(results.get("arms"))}


def _arms(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return what became of each arm."""
    return {
        as_text(arm.get("name")): f"failed: {as_text(arm.get('error'))}" if arm.get("status") == "failed" else "done"
        for arm in mappings(results.get("arms"))
    }


def _tests(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield tests whose questions or pictures are others than before; a machine's may be, where its engine is."""
    known = {_test(row): row for row in mappings(as_mapping(now.get("data")).get("tests"))}
    for row in mappings(as_mapping(before.get("data")).get("tests")):
        mine = known.get(_test(row), {})
        for key, how in (("sha256", "changed"), ("pictures_sha256", "other pictures")):
            then, here = as_text(row.get(key)), as_text(mine.get(key))
            if then and then != here:
                yield {"what": f"questions of {_test(row)}", "path": "", "how": how, "before": then, "now": here}


def _test(row: Row) -> str:
    return f"{as_text(row.get('benchmark'))} ({as_text(row.get('language'))})"


def _answers(before: Path, again: Path) -> Iterator[dict[str, Any]]:
    """Count by arm, test and language how the answers of two runs compare; nothing where the first kept none."""
    try:
        first, second = (_by_key(read_answers(place / "evaluation" / "answers.jsonl")) for place in (before, again))
    except InputError:
        return
    for where in dict.fromkeys(key[:3] for key in (*first, *second)):
        one, two = ({key: row for key, row in rows.items() if key[:3] == where} for rows in (first, second))
        yield {**dict(zip(("arm", "benchmark", "language"), where, strict=True)), **_counted(one, two)}


def _by_key(rows: Sequence[Row]) -> dict[Key, Row]:
    names = ("system", "benchmark", "language", "seed", "id")
    return {tuple(as_text(row.get(name)) for name in names): row for row in rows}  # type: ignore[misc]


def _counted(one: Mapping[Key, Row], two: Mapping[Key, Row]) -> dict[str, Any]:
    shared = [key for key in one if key in two]
    said = [key for key in shared if all(one[key].get(name) == two[key].get(name) for name in _SAID)]
    gaps = [_gap(one[key], two[key]) for key in said]
    others = [key for key in shared if key not in set(said)]
    return {
        "before": len(one),
        "now": len(two),
        "same": sum(gap == 0 for gap in gaps),
        "but_for_rounding": sum(0 < gap <= ROUNDING for gap in gaps),
        "read_the_same": sum(gap > ROUNDING for gap in gaps),
        "others": len(others),
        "otherwise_right": sum(one[key].get("right") != two[key].get("right") for key in others),
        "missing": len(one) - len(shared),
        "largest_gap": max((gap for gap in gaps if math.isfinite(gap)), default=0.0),
        "example": next((key[4] for key in others), ""),
    }


def _gap(one: Row, two: Row) -> float:
    """Return by how much an answer's log-likelihoods differ; infinity where they can't be held against each other."""
    largest = 0.0
    for name in _NUMBERS:
        a, b = as_list(one.get(name)), as_list(two.get(name))
        if len(a) != len(b):
            return math.inf
        for x, y in zip(a, b, strict=True):
            if x != y:
                known = as_number(x) is not None and as_number(y) is not None
                largest = max(largest, abs(x - y) if known else math.inf)
    return largest


def _sides(rows: Sequence[Row], keys: Sequence[str], values: Sequence[str]) -> list[dict[str, Any]]:
    """Put what both runs have of a thing into one row."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        side = found.setdefault(tuple(row[key] for key in keys), {key: row[key] for key in keys})
        side[row["run"]] = {name: row[name] for name in values}
    return [{BEFORE: None, AGAIN: None, **side} for side in found.values()]


def lines_of(told: Mapping[str, Any]) -> Iterator[str]:
    """Say what differs, for a terminal.

    Args:
        told: What `differences` returned.
    """
    answers = told["answers"]
    total, same = (sum(each[key] for each in answers) for key in ("before", "same"))
    if told["same"]:
        yield f"All {total:,} answers are the same, to the last bit."
    elif answers:
        yield f"{same:,} of {total:,} answers are the same, to the last bit."
    else:
        yield "The first run's answers aren't beside its results: only its scores can be looked at."
    for key, title in (("settings", "Settings"), ("versions", "Versions"), ("hardware", "Machine")):
        yield _said(title, told[key])
    data = [f"{each['what']}: {each['how']}" for each in told["data"]]
    yield "Data: " + ("; ".join(data) if data else "the same, as far as their checksums were kept") + "."
    if told["engines"]:
        yield _said("Engines", told["engines"])
    if told["arms"]:
        yield _said("Arms", told["arms"])
    yield from map(_answers_line, (each for each in answers if each["same"] < each["before"]))
    yield from map(_comparison_line, told["comparisons"])
    for reason in dict.fromkeys(each["reason"] for each in told["not_comparable"]):
        arms = listed([f"{e['arm']} ({e['metric']})" for e in told["not_comparable"] if e["reason"] == reason])
        yield f"Not compared: {arms}: {reason}."
    yield from _cost_lines(told)


def _said(title: str, changes: Sequence[Row]) -> str:
    shown = [f"{each['what']} {each['before']!r} → {each['now']!r}" for each in changes]
    return f"{title}: {'; '.join(shown) if shown else 'the same'}."


def _answers_line(each: Row) -> str:
    others = "1 other" if each["others"] == 1 else f"{each['others']} others"
    counts = {
        "same": f"{each['same']} of {each['before']} the same",
        "but_for_rounding": f"{each['but_for_rounding']} but for rounding",
        "read_the_same": f"{each['read_the_same']} read the same, from other likelihoods",
        "others": f"{others}, such as {each['example']}",
        "missing": f"{each['missing']} missing",
    }
    parts = [text for key, text in counts.items() if each[key] or key == "same"]
    return f"{each['arm']}, {each['benchmark']} ({each['language']}): {', '.join(parts)}."


def _comparison_line(each: Row) -> str:
    gap = f"{signed(each['difference'])} points {interval(each['low'], each['high'], plus=True)}"
    return (
        f"{each['arm']}, {each['metric']} ({each['language']}), again − before: {gap} on {each['questions']} questions."
    )


def _cost_lines(told: Mapping[str, Any]) -> Iterator[str]:
    for row in told["costs"]:
        before, now = row[BEFORE], row[AGAIN]
        if before and now and row["sum"] == "make" and (before["processor_seconds"] or now["processor_seconds"]):
            clock = [duration(side["processor_seconds"]) for side in (before, now)]
            yield f"{row['arm']}, to make: {clock[0]} of cores before, {clock[1]} now."
    yield told["costs_caveat"]
