"""Tables for the terminal: the key table, the human beside the machine test, and the paired differences."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from passerelle.report.cells import (
    Cell,
    difference_cell,
    headline_metric,
    key_columns,
    own_test,
    quality_metrics,
    score_cell,
)
from passerelle.report.contents import HUMAN_TEST, PIPELINE, Arm, Contents
from passerelle.report.parse import read_results
from passerelle.report.wording import DASH, MINUS, THIN_SPACE, decimal, interval, metric_title, signed

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PADDING = 3  # one space on either side of a column and one between two


@dataclass(frozen=True)
class _Column:
    """A column of texts, ready to be measured."""

    title: str
    texts: tuple[str, ...]

    @property
    def width(self) -> int:
        # A heading may break at its spaces, so its longest word counts.
        words = self.title.replace(",", "").split() or [""]
        return max(map(len, (*self.texts, *words)))


def render_table(results: Mapping[str, Any], console: Console) -> None:
    """Print the comparison to a terminal, divided into as many tables as its width asks for.

    Args:
        results: What ``results.json`` holds; any field may be missing.
        console: Where to print; from 60 columns on everything fits.
    """
    from rich.text import Text

    contents = read_results(results)
    if not contents.arms:
        console.print(Text("No arms have run yet."))
        return
    for title, rows, columns in _groups(contents):
        console.print(Text(title, style="bold"))
        for part in _pack(rows, columns, console.width):
            console.print(_table(rows, part))
    for note in _notes(contents):
        console.print(Text(note, style="dim"))


def table_text(results: Mapping[str, Any], width: int = 100) -> str:
    """Write the same tables as plain text.

    Args:
        results: What ``results.json`` holds; any field may be missing.
        width: Columns to stay within.

    Returns:
        The tables, with a line break at the end and without spaces at the ends of lines.
    """
    from rich.console import Console

    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False, highlight=False)
    with console.capture() as capture:
        render_table(results, console)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def _groups(contents: Contents) -> Iterator[tuple[str, _Column, list[_Column]]]:
    """Yield each table's title, its column of row names, and its other columns."""
    arms = contents.arms
    names = _Column("Arm", tuple(arm.name for arm in arms))
    for is_cost, title in (
        (False, f"{contents.name}: English to {contents.target_name}"),
        (True, "English kept, and costs"),
    ):
        columns = [column for column in key_columns(contents) if column.is_cost == is_cost]
        yield title, names, [_column(c.title, [c.cell(contents, arm) for arm in arms]) for c in columns]
    if unread := [column for m in quality_metrics(contents) if any((column := _unread(contents, m)).texts)]:
        yield "Answers that couldn't be read, %", names, unread
    adapted = contents.adapted_arms()
    if contents.main_test == "human" and any(score.test == "machine" for arm in adapted for score in arm.scores):
        names = _Column("Arm", tuple(arm.name for arm in adapted))
        yield "Human test beside machine test", names, _test_columns(contents, adapted)
    pairs = list(dict.fromkeys((d.arm, d.against) for d in contents.differences))
    if pairs:
        rows = [arm if against == PIPELINE else f"{arm} - {against}" for arm, against in pairs]
        to = " to the pipeline" if any(against == PIPELINE for _, against in pairs) else ""
        yield f"Paired differences{to}", _Column("Arm", tuple(rows)), _differences(contents, pairs)


def _unread(contents: Contents, metric: str) -> _Column:
    """Show the share of unread answers that each arm's score rests on; nothing where no answer had to be read."""
    scores = [arm.score(metric, own_test(arm)) for arm in contents.arms]
    shares = [None if score is None else score.unread_share for score in scores]
    if not any(shares):
        return _Column("", ())
    cells = [Cell(DASH) if s is None else Cell(decimal(s[0]), interval(s[1], s[2])) for s in shares]
    return _column(metric_title(metric), cells)


def _column(title: str, cells: Sequence[Cell]) -> _Column:
    return _Column(title, tuple(cell.line.replace(MINUS, "-").replace(THIN_SPACE, " ") for cell in cells))


def _test_columns(contents: Contents, arms: Sequence[Arm]) -> list[_Column]:
    metric = headline_metric(contents)
    gaps = []
    for arm in arms:
        human, machine = arm.value(metric, "human"), arm.value(metric, "machine")
        gap = None if human is None or machine is None else machine - human
        gaps.append(Cell(signed(gap), value=gap))
    return [
        _column(f"{metric_title(metric)}, human", [score_cell(arm, metric, "human") for arm in arms]),
        _column(f"{metric_title(metric)}, machine", [score_cell(arm, metric, "machine") for arm in arms]),
        _column("Machine - human", gaps),
    ]


def _differences(contents: Contents, pairs: Sequence[tuple[str, str]]) -> list[_Column]:
    present = {difference.metric for difference in contents.differences}
    metrics = [m for m in dict.fromkeys((headline_metric(contents), *quality_metrics(contents))) if m in present]
    metrics += sorted(present.difference(metrics))
    return [_column(metric_title(metric), [_pair_cell(contents, pair, metric) for pair in pairs]) for metric in metrics]


def _pair_cell(contents: Contents, pair: tuple[str, str], metric: str) -> Cell:
    arm, against = pair
    return difference_cell(contents.difference(arm, against, metric), arm, against, metric)


def _pack(rows: _Column, columns: Sequence[_Column], width: int) -> Iterator[Sequence[_Column]]:
    """Divide columns into tables that stay within `width`, about equally many in each."""
    room = width - rows.width
    tables = 1
    while columns:
        size = -(-len(columns) // tables)
        parts = [columns[start : start + size] for start in range(0, len(columns), size)]
        if size <= 1 or all(sum(c.width + PADDING for c in part) <= room for part in parts):
            yield from parts
            return
        tables += 1


def _table(rows: _Column, columns: Sequence[_Column]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(Text(rows.title), no_wrap=True, style="bold")
    for column in columns:
        table.add_column(
            Text(column.title),
            justify="right",
            vertical="bottom",
            min_width=column.width,
            max_width=column.width,
        )
    for number, name in enumerate(rows.texts):
        cells = [Text(c.texts[number], style="dim" if c.texts[number] == DASH else "") for c in columns]
        table.add_row(Text(name), *cells)
    return table


def _notes(contents: Contents) -> Iterator[str]:
    words = ": questions whose words were written by people" if contents.test_name == HUMAN_TEST else ""
    yield f"{contents.test_name.capitalize()}{words}. [low, high]: 95% interval by picture."
    if contents.arm("english"):
        yield "The arm english answers English questions: it is the reference, not a competitor."
    if any(difference.excludes_zero for difference in contents.differences):
        yield "● the interval excludes zero (○ but Holm's correction leaves p at 0.05 or more)."
    for arm in contents.arms:
        if arm.failed:
            yield f"{arm.name} failed: {arm.error or 'no reason was stored'}"
