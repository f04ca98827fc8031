"""The tables of the page: texts for reading, and the unrounded numbers as ``data-`` attributes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from passerelle.report.cells import (
    Cell,
    difference_cell,
    headline_metric,
    key_columns,
    own_test,
    quality_metrics,
    score_cell,
)
from passerelle.report.contents import ENGLISH, Arm, Contents, Difference
from passerelle.report.wording import metric_title, probability, signed, title_of_test, unread_text


@dataclass(frozen=True)
class Row:
    """A row with its heading."""

    title: str
    cells: tuple[Cell, ...]
    note: str = ""
    style: str = ""


@dataclass(frozen=True)
class Group:
    """Rows that belong together, under a heading where it isn't empty."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        key: Its id on the page.
        caption: What it shows.
        corner: Heading of the rows' headings.
        columns: Headings of the columns.
        groups: The rows.
        spans: A row of headings above the columns: pairs of a text and the number of columns that it spans.
    """

    key: str
    caption: str
    corner: str
    columns: tuple[str, ...]
    groups: tuple[Group, ...]
    spans: tuple[tuple[str, int], ...] = ()

    @property
    def headings(self) -> list[tuple[str, str]]:
        """The columns' headings with the styles of their cells, so that both are aligned alike."""
        cells = next((row.cells for group in self.groups for row in group.rows), ())
        styles = [" ".join(s for s in cell.style.split() if s in ("words", "glyph", "signature")) for cell in cells]
        return list(zip(self.columns, styles, strict=True))

    @property
    def is_empty(self) -> bool:
        """Whether it has no row."""
        return not any(group.rows for group in self.groups)


def key_table(contents: Contents) -> Table:
    """Show every arm's quality, the English that it kept, and what it cost."""
    columns = key_columns(contents)
    lines = [[column.cell(contents, arm) for column in columns] for arm in contents.arms]
    for column, metric in enumerate(quality_metrics(contents)):
        _mark_best(contents, metric, lines, column)
    rows = tuple(
        Row(
            arm.title,
            tuple(cells),
            note=f"failed: {arm.error or 'no reason was stored'}" if arm.failed else arm.name,
            style="failed" if arm.failed else "reference" if arm.name == ENGLISH else "",
        )
        for arm, cells in zip(contents.arms, lines, strict=True)
    )
    return Table(
        "key",
        f"Every arm on the {contents.test_name} (the English base on English questions), with 95 % intervals. The "
        "highest score of the adapted arms is bold; the paired differences below say which gaps hold.",
        "Arm",
        tuple(column.title for column in columns),
        (Group("", rows),),
    )


def _mark_best(contents: Contents, metric: str, lines: list[list[Cell]], column: int) -> None:
    ranked = [
        (cells[column].value or 0.0, index)
        for index, (arm, cells) in enumerate(zip(contents.arms, lines, strict=True))
        if arm.name != ENGLISH and cells[column].value is not None
    ]
    lower = any(s.higher_is_better is False for arm in contents.arms for s in arm.scores if s.metric == metric)
    if len(ranked) > 1:
        _, best = min(ranked) if lower else max(ranked)
        lines[best][column] = replace(lines[best][column], style="best")


def tests_table(contents: Contents) -> Table:
    """Put the human beside the machine test."""
    arms = [arm for arm in contents.adapted_arms() if any(score.test == "machine" for score in arm.scores)]
    metrics = [
        metric
        for metric in dict.fromkeys((headline_metric(contents), *contents.metrics("headline_metrics")))
        if any(None not in (arm.value(metric, "human"), arm.value(metric, "machine")) for arm in arms)
    ]
    rows = tuple(Row(arm.title, tuple(cell for m in metrics for cell in _test_cells(arm, m))) for arm in arms)
    return Table(
        "tests",
        "The same arms on questions in people's words and on machine-translated ones. The gap is machine minus human.",
        "Arm",
        ("Human", "Machine", "Gap") * len(metrics),
        (Group("", rows if metrics else ()),),
        tuple((metric_title(metric), 3) for metric in metrics),
    )


def _test_cells(arm: Arm, metric: str) -> Iterator[Cell]:
    human, machine = score_cell(arm, metric, "human"), score_cell(arm, metric, "machine")
    gap = None if human.value is None or machine.value is None else machine.value - human.value
    yield from (human, machine)
    yield Cell(signed(gap), value=gap, data={"arm": arm.name, "metric": metric, "test": "machine-human"})


def differences_tables(contents: Contents) -> tuple[Table, Table]:
    """Show the paired differences: those of the headline metric, and those of the other metrics."""
    shown = [d for d in contents.differences if d.test == contents.main_test]
    known = (headline_metric(contents), *quality_metrics(contents))
    metrics = sorted({d.metric for d in shown}, key=lambda m: (known.index(m) if m in known else len(known), m))
    groups = []
    for metric in metrics:
        of_metric = [difference for difference in shown if difference.metric == metric]
        ends = [abs(x) for d in of_metric for x in (d.low, d.value, d.high) if x is not None]
        reach = max(ends, default=0.0) or 1.0
        groups.append(Group(metric_title(metric), tuple(_difference_row(contents, d, reach) for d in of_metric)))
    first = metrics.index(headline) if (headline := headline_metric(contents)) in metrics else 0
    caption = (
        f"Paired differences on the {contents.test_name}, question by question, with 95 % intervals by picture. "
        "● marks an interval without zero; ○ one that Holm's correction for many comparisons takes back."
    )
    columns = ("Difference", "From behind to ahead", "p", "p, Holm", "Reading")
    return (
        Table("differences", caption, "Arm, against", columns, tuple(groups[first : first + 1])),
        Table(
            "other-differences",
            "Paired differences in the other metrics.",
            "Arm, against",
            columns,
            tuple(groups[:first] + groups[first + 1 :]),
        ),
    )


def _difference_row(contents: Contents, difference: Difference, reach: float) -> Row:
    cell = difference_cell(difference, difference.arm, difference.against, difference.metric)
    data = cell.data
    bar = None
    if difference.value is not None:
        ends = (difference.low, difference.value, difference.high)
        low, value, high = ((difference.value if x is None else x) / reach / 2.2 + 0.5 for x in ends)
        bar = (low, value, high, 0.5)
    p = Cell(probability(difference.p), value=difference.p, data=data | {"number": "p"})
    holm = Cell(probability(difference.holm_p), value=difference.holm_p, data=data | {"number": "holm-p"})
    reading = _reading(contents, difference)
    style = {"ahead": "good", "behind": "bad"}.get(reading, "muted")
    return Row(
        contents.title(difference.arm),
        (cell, Cell("", bar=bar, style=f"glyph {style}"), p, holm, Cell(reading, style=f"words {style}")),
        note=f"against {contents.title(difference.against)}",
    )


def _reading(contents: Contents, difference: Difference) -> str:
    if difference.value is None:
        return "not measured"
    if not difference.excludes_zero:
        return "not separable"
    if not difference.is_separable:
        return "not after correction"
    directions = {s.higher_is_better for a in contents.arms for s in a.scores if s.metric == difference.metric}
    if directions == {None}:
        return "higher" if difference.value > 0 else "lower"
    return "ahead" if (difference.value > 0) != (directions == {False}) else "behind"


def seeds_table(contents: Contents) -> Table:
    """Show the headline score of each seed and the spread between them; empty with one seed."""
    metric = headline_metric(contents)
    found = {
        (arm.name, score.seed): score
        for arm in contents.arms
        for score in arm.seed_scores
        if (score.metric, score.test) == (metric, own_test(arm)) and score.seed is not None
    }
    seeds = sorted({seed for _, seed in found if seed is not None})
    rows = []
    for arm in contents.arms if len(seeds) > 1 else ():
        values = [found[arm.name, seed].value if (arm.name, seed) in found else None for seed in seeds]
        data = {"arm": arm.name, "metric": metric, "test": own_test(arm)}
        cells = [
            Cell(signed(value).lstrip("+"), value=value, data=data | {"seed": str(seed)})
            for seed, value in zip(seeds, values, strict=True)
        ]
        known = [value for value in values if value is not None]
        spread = max(known) - min(known) if len(known) > 1 else None
        cells.append(Cell(signed(spread).lstrip("+"), value=spread, data=data | {"number": "spread"}))
        rows.append(Row(arm.title, tuple(cells)))
    return Table(
        "seeds",
        f"{metric_title(metric)} of each seed. The spread is the highest minus the lowest.",
        "Arm",
        (*(f"Seed {seed}" for seed in seeds), "Spread"),
        (Group("", tuple(rows)),),
    )


def scores_table(contents: Contents) -> Table:
    """List every score with its number of questions and its signature."""
    return Table(
        "scores",
        "Every score that was stored, with how it was measured.",
        "Metric",
        ("Test", "Score", "Questions", "Pictures", "Unread", "Signature"),
        tuple(Group(arm.title, tuple(_score_rows(arm))) for arm in contents.arms),
    )


def _score_rows(arm: Arm) -> Iterator[Row]:
    for score in arm.scores:
        counts: Sequence[float | None] = (score.items, score.pictures, score.unread)
        shares = ("", "", unread_text(score))
        yield Row(
            metric_title(score.metric),
            (
                Cell(title_of_test(score.test), style="words"),
                score_cell(arm, score.metric, score.test),
                *(
                    Cell("–" if count is None else f"{count:.0f}", share, count)
                    for count, share in zip(counts, shares, strict=True)
                ),
                Cell(score.signature or "–", style="signature"),
            ),
        )
