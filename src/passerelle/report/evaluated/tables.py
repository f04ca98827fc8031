"""The tables of an evaluation's page: texts for reading, and the unrounded numbers as ``data-`` attributes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from passerelle.report.cells import Cell, difference_cell
from passerelle.report.contents import Difference
from passerelle.report.evaluated.reading import Scored, language_name
from passerelle.report.page_tables import Group, Row, Table
from passerelle.report.parse import as_list, as_mapping, as_number, as_text, mappings
from passerelle.report.wording import (
    DASH,
    decimal,
    duration,
    metric_title,
    probability,
    score_interval,
    score_text,
    short,
    unread_text,
    whole,
)

Data = dict[str, str]
PER = 1000
MOST_PARTS = 3
"""Parts of a benchmark that have a column; where there are more, they have a table of their own."""


def score_tables(figures: Sequence[Scored]) -> Iterator[Table]:
    """Yield a table for each benchmark: a row for each model in each language, a column for each metric."""
    for number, name in enumerate(dict.fromkeys(figure.benchmark for figure in figures), 1):
        of_it = [figure for figure in figures if figure.benchmark == name]
        parts = {figure.part for figure in of_it} - {""}
        shown = [f for f in of_it if f.is_used and not f.is_between and (not f.part or len(parts) <= MOST_PARTS)]
        metrics = tuple(dict.fromkeys(figure.score.metric for figure in shown))
        other = [figure for figure in of_it if not figure.is_used and figure.is_other_headline]
        groups = []
        for code in dict.fromkeys(figure.language for figure in shown):
            spoken = [figure for figure in shown if figure.language == code]
            systems = dict.fromkeys(figure.system for figure in spoken)
            rows = tuple(_score_row(system, code, spoken, metrics, other) for system in systems)
            groups.append(Group(language_name(code), rows))
        yield Table(
            f"scores-{number}",
            f"{metric_title(name)}, with 95 % intervals by picture."
            + (" The other reading: the same answers by the rules that leave more of them unread." if other else ""),
            "Model",
            (*map(metric_title, metrics), *(["Other reading"] if other else []), "Questions", "Pictures", "Left out"),
            tuple(groups),
        )


def consistency_table(figures: Sequence[Scored]) -> Table:
    """Show how often a model says the same to a question in two languages."""
    rows = []
    for figure in (each for each in figures if each.is_between):
        data = {"arm": figure.system, "metric": figure.score.metric, "language": figure.language}
        where = Cell(f"{metric_title(figure.benchmark)}, {figure.language}", style="words")
        rows.append(Row(figure.system, (where, _score_cell(figure, data), *_counts(figure))))
    columns = ("Test", "Said the same", "Questions", "Pictures", "Left out")
    caption = "How often a model says the same to a question in two languages, with 95 % intervals by picture."
    return Table("consistency", caption, "Model", columns, (Group("", tuple(rows)),))


def parts_table(figures: Sequence[Scored]) -> Table:
    """List the parts of benchmarks that have more of them than a table has room for."""
    parts = {name: {f.part for f in figures if f.benchmark == name} - {""} for name in {f.benchmark for f in figures}}
    shown = [f for f in figures if f.is_used and f.part and len(parts[f.benchmark]) > MOST_PARTS]
    groups = [
        Group(
            f"{system}, {language_name(code)}",
            tuple(_part_row(f) for f in shown if (f.system, f.language) == (system, code)),
        )
        for system, code in dict.fromkeys((f.system, f.language) for f in shown)
    ]
    columns = ("Score", "Questions", "Pictures")
    return Table("parts", "The parts of the benchmarks, with 95 % intervals.", "Part", columns, tuple(groups))


def _score_row(
    system: str, code: str, figures: Sequence[Scored], metrics: Sequence[str], other: Sequence[Scored]
) -> Row:
    own = {figure.score.metric: figure for figure in figures if figure.system == system}
    known = next((figure for figure in own.values() if figure.is_headline), next(iter(own.values())))
    cells = [_score_cell(own.get(metric), {"arm": system, "metric": metric, "language": code}) for metric in metrics]
    if other:
        found = next((figure for figure in other if (figure.system, figure.language) == (system, code)), None)
        data = {"arm": system, "metric": "other-reading", "language": code}
        cells.append(Cell(score_text(found.score if found else None), "", found.score.value if found else None, data))
    return Row(system, (*cells, *_counts(known)))


def _score_cell(figure: Scored | None, data: Data) -> Cell:
    score = figure.score if figure else None
    value = score.value if score else None
    return Cell(score_text(score), score_interval(score), value, data, note=unread_text(score))


def _counts(figure: Scored, *, missing: bool = True) -> Iterator[Cell]:
    counts = {"questions": figure.score.items, "pictures": figure.score.pictures}
    counts |= {"left-out": figure.missing} if missing else {}
    for name, count in counts.items():
        data = {"arm": figure.system, "metric": figure.score.metric, "language": figure.language, "number": name}
        yield Cell(whole(count), value=count, data=data)


def _part_row(figure: Scored) -> Row:
    data = {"arm": figure.system, "metric": figure.score.metric, "language": figure.language}
    return Row(metric_title(figure.score.metric), (_score_cell(figure, data), *_counts(figure, missing=False)))


def differences_table(results: Mapping[str, Any]) -> Table:
    """Show the paired differences of two models, or of one in two languages."""
    groups: dict[str, list[Row]] = {}
    for row in mappings(results.get("comparisons")):
        first, second = as_text(row.get("first"), "unnamed"), as_text(row.get("second"), "unnamed")
        numbers = {key: as_number(row.get(key)) for key in ("difference", "low", "high", "p", "holm_p", "detectable")}
        found = Difference(
            first,
            second,
            as_text(row.get("benchmark")),
            as_text(row.get("language")),
            *(numbers[key] for key in ("difference", "low", "high", "p", "holm_p")),
        )
        groups.setdefault(f"{found.metric} ({found.test})", []).append(difference_row(found, numbers["detectable"]))
    return Table(
        "differences",
        "Paired differences, question by question, with 95 % intervals by picture. ● marks an interval without zero; ○ "
        "one that Holm's correction for many comparisons takes back. Could be seen: the smallest difference that "
        "these questions would show 80 times in 100.",
        "Models",
        ("Difference", "p", "p, Holm", "Could be seen", "Reading"),
        tuple(Group(title, tuple(rows)) for title, rows in groups.items()),
    )


def difference_row(found: Difference, seen: float | None) -> Row:
    """Show a paired difference; `seen` is the smallest that its questions would show."""
    cell = difference_cell(found, found.arm, found.against, found.metric)
    reading = reading_of(found)
    data = {key: value for key, value in cell.data.items() if key != "test"} | {"language": found.test}
    return Row(
        f"{found.arm} − {found.against}",
        (
            Cell(cell.text, cell.detail, cell.value, data),
            Cell(probability(found.p), value=found.p, data=data | {"number": "p"}),
            Cell(probability(found.holm_p), value=found.holm_p, data=data | {"number": "holm-p"}),
            Cell(decimal(seen), value=seen, data=data | {"number": "detectable"}),
            Cell(reading, style=f"words {READINGS.get(reading, 'muted')}"),
        ),
    )


READINGS = {"ahead": "good", "behind": "bad"}


def reading_of(found: Difference) -> str:
    """Say how a paired difference reads: ``ahead``, ``behind``, ``not separable``, ``not after correction``."""
    if found.value is None:
        return "not measured"
    if not found.excludes_zero:
        return "not separable"
    if not found.is_separable:
        return "not after correction"
    return "ahead" if found.value > 0 else "behind"


def unread_table(results: Mapping[str, Any]) -> Table:
    """Count the answers that couldn't be read, by reason."""
    rows = []
    for row in mappings(results.get("unread")):
        where = f"{as_text(row.get('benchmark'))} ({as_text(row.get('language'))})"
        for reason, count in as_mapping(row.get("reasons")).items():
            data = {"arm": as_text(row.get("system")), "metric": "unread", "reason": str(reason)}
            number = as_number(count)
            cells = (
                Cell(where, style="words"),
                Cell(str(reason), style="words"),
                Cell(whole(number), "", number, data),
            )
            rows.append(Row(as_text(row.get("system"), "unnamed"), cells))
    return Table(
        "unread",
        "Answers that couldn't be read, and why. They count as wrong.",
        "Model",
        ("Test", "Why", "Answers"),
        (Group("", tuple(rows)),),
    )


def costs_table(results: Mapping[str, Any]) -> Table:
    """Show what a thousand answers to each test take, and how long one waits for one."""
    rows = [_cost_row(row) for row in mappings(results.get("speed"))]
    return Table(
        "costs",
        "What a thousand answers take. Core and GPU time don't depend on who else was on the machine; the clock does. "
        "Waiting is told from answers that were asked for one by one: half of them, and 95 in 100, came within it.",
        "Model",
        ("Test", "Answers", "Core time", "GPU time", "TFLOP", "Tokens", "Paid engines, €", "Waiting", "By the clock"),
        (Group("", tuple(rows)),),
    )


def _cost_row(row: Mapping[str, Any]) -> Row:
    system, test = as_text(row.get("system"), "unnamed"), as_text(row.get("benchmark"))
    answers, data = (
        as_number(row.get("answers")),
        {"arm": system, "test": test, "language": as_text(row.get("language"))},
    )

    def per(key: str) -> float | None:
        value = as_number(row.get(key))
        return None if value is None or not answers else PER * value / answers

    waits = sorted(w for each in as_list(row.get("asked_by_themselves")) if (w := as_number(each)) is not None)
    waiting = f"{duration(_at(waits, 0.5))}, {duration(_at(waits, 0.95))}" if waits else DASH
    amounts = {
        key: per(key) for key in ("processor_seconds", "device_seconds", "flops", "tokens", "engine_eur", "seconds")
    }
    texts = {
        "processor_seconds": duration,
        "device_seconds": lambda value: duration(value) if value else DASH,
        "flops": lambda value: short(value, 1e12),
        "tokens": whole,
        "engine_eur": lambda value: short(value) if value else DASH,
        "seconds": duration,
    }
    cells = {
        key: Cell(texts[key](value), value=value, data=data | {"metric": f"per-1000-{key.replace('_', '-')}"})
        for key, value in amounts.items()
    }
    clock = cells.pop("seconds")
    return Row(
        system,
        (
            Cell(f"{test} ({as_text(row.get('language'))})", style="words"),
            Cell(whole(answers), value=answers, data=data | {"metric": "answers"}),
            *cells.values(),
            Cell(waiting, value=_at(waits, 0.5), data=data | {"metric": "p50-seconds"}),
            clock,
        ),
    )


def _at(values: Sequence[float], share: float) -> float | None:
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else None
