"""The cells of the key table, which the terminal and the page share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from passerelle.report.contents import ENGLISH, Amounts, Arm, Contents, Difference, Score
from passerelle.report.wording import (
    DASH,
    THOUSAND,
    interval,
    metric_title,
    score_interval,
    score_text,
    short,
    signed,
    unread_text,
)


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: What is shown first, a value rounded for reading.
        detail: What is shown smaller: the interval.
        note: What is shown smaller below it: how much couldn't be read.
        value: The number as stored, which the page carries unrounded in ``data-value``.
        data: What the number is: its arm, metric and test, as ``data-`` attributes.
        style: CSS classes.
        bar: Low, value and high between 0 and 1 with the place of zero; ``None`` to draw nothing.
    """

    text: str
    detail: str = ""
    value: float | None = None
    data: dict[str, str] = field(default_factory=dict)
    style: str = ""
    bar: tuple[float, float, float, float] | None = None
    note: str = ""

    @property
    def line(self) -> str:
        """The whole cell on one line."""
        return f"{self.text} {self.detail}".strip()


def headline_metric(contents: Contents) -> str:
    """Choose the metric to rank by: the first that some adapted arm has on the human test."""
    return _first_metric(contents, contents.adapted_arms(), contents.main_test)


def with_unit(contents: Contents, metric: str) -> str:
    """Return a metric's title with its unit, percent or points, for an axis."""
    units = (score.unit for arm in contents.arms for score in arm.scores if score.metric == metric)
    unit = next(units, "%")
    return f"{metric_title(metric)} ({unit})" if unit else metric_title(metric)


def quality_metrics(contents: Contents) -> tuple[str, ...]:
    """Return the metrics that have a column of the key table."""
    return contents.metrics("key_metrics")


def _first_metric(contents: Contents, arms: Sequence[Arm], test: str) -> str:
    metrics = contents.metrics("headline_metrics")
    return next((m for m in metrics if any(arm.value(m, test) is not None for arm in arms)), (*metrics, "")[0])


def own_test(arm: Arm) -> str:
    """Say which test an arm is judged by: the English reference answers English questions."""
    return ENGLISH if arm.name == ENGLISH else arm.main_test


def score_cell(arm: Arm, metric: str, test: str) -> Cell:
    """Show one score with its interval."""
    return _score_as_cell(arm.score(metric, test), {"arm": arm.name, "metric": metric, "test": test})


def _score_as_cell(score: Score | None, data: dict[str, str]) -> Cell:
    value = None if score is None else score.value
    return Cell(score_text(score), score_interval(score), value, data, note=unread_text(score))


def difference_cell(difference: Difference | None, arm: str, against: str, metric: str) -> Cell:
    """Show a paired difference with its interval and a mark where the interval excludes zero."""
    data = {"arm": arm, "against": against, "metric": metric}
    if difference is None:
        return Cell(DASH, data=data)
    data |= {"test": difference.test}
    detail = interval(difference.low, difference.high, plus=True)
    if difference.excludes_zero:
        detail += " ●" if difference.is_separable else " ○"
    return Cell(signed(difference.value), detail, difference.value, data)


def number_cell(arm: Arm, key: str, value: float | None, scale: float = 1.0) -> Cell:
    """Show a cost, divided by `scale`; ``data-value`` keeps it as stored."""
    return Cell(short(value, scale), value=value, data={"arm": arm.name, "metric": key})


def english_metric(contents: Contents) -> str:
    """Choose the metric that shows how much English an arm kept: the English reference's headline metric."""
    reference = contents.arm(ENGLISH)
    return _first_metric(contents, [reference] if reference else contents.arms, ENGLISH)


def retention_cell(contents: Contents, arm: Arm) -> Cell:
    """Show an arm's score on the English test beside the base's; an untrained arm is the base."""
    cell = score_cell(arm, english_metric(contents), ENGLISH)
    if cell.value is None and arm.is_untrained and not arm.failed:
        return replace(cell, text="as base")
    reference = contents.arm(ENGLISH)
    base = reference.score(english_metric(contents), ENGLISH) if reference else None
    if cell.value is None or base is None or arm.name == ENGLISH:
        return cell
    return replace(cell, detail=f"(base {score_text(base)})")


@dataclass(frozen=True)
class Column:
    """A column of the key table: its heading and how an arm's cell is made."""

    title: str
    cell: Callable[[Contents, Arm], Cell]
    is_cost: bool = False


def _quality_column(metric: str) -> Column:
    return Column(metric_title(metric), lambda _, arm: score_cell(arm, metric, own_test(arm)))


def key_columns(contents: Contents) -> tuple[Column, ...]:
    """Return the columns of the key table: quality, the English that was kept, costs."""
    costs = _ledger_columns(contents) if contents.has_ledger else _OLDER_COLUMNS
    return (*map(_quality_column, quality_metrics(contents)), Column("English kept", retention_cell, True), *costs)


def _ledger_columns(contents: Contents) -> Iterator[Column]:
    """Yield what making an arm takes and what a thousand answers take, by what doesn't depend on other processes."""
    whose = "GPU" if contents.on_device else "core"
    for title, key, of in (("To make", "make", _make), (f"{THOUSAND} answers", "per-1000", _asking)):
        yield Column(f"{title}, {whose} min", partial(_computing_cell, key, of), True)
        yield Column(f"{title}, €", partial(_euros_cell, key, of), True)
    yield _PEAK


def _make(arm: Arm) -> Amounts | None:
    return arm.cost.make


def _asking(arm: Arm) -> Amounts | None:
    return arm.cost.asking


def _computing_cell(key: str, of: Callable[[Arm], Amounts | None], contents: Contents, arm: Arm) -> Cell:
    return number_cell(arm, f"{key}-computing-seconds", contents.computing(of(arm)), 60)


def _euros_cell(key: str, of: Callable[[Arm], Amounts | None], contents: Contents, arm: Arm) -> Cell:
    amounts = of(arm)
    return number_cell(arm, f"{key}-euros", amounts.euros if amounts else None)


_PEAK = Column("Peak GB", lambda _, arm: number_cell(arm, "peak-bytes", arm.cost.peak_bytes, 1e9), True)
_OLDER_COLUMNS = (
    Column("Minutes", lambda _, arm: number_cell(arm, "total-seconds", arm.cost.seconds, 60), True),
    Column("TFLOP", lambda _, arm: number_cell(arm, "total-flops", arm.cost.flops, 1e12), True),
    _PEAK,
    Column("s/answer", lambda _, arm: number_cell(arm, "seconds-per-answer", arm.cost.seconds_per_answer), True),
)
