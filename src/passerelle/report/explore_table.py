"""The numbers of each arm that a reader may set against each other: the page's script draws any two of them."""

from __future__ import annotations

from collections.abc import Sequence

from passerelle.report.cells import Cell, english_metric, headline_metric, score_cell, with_unit
from passerelle.report.contents import ENGLISH, Amounts, Arm, Contents
from passerelle.report.page_tables import Group, Row, Table
from passerelle.report.wording import THOUSAND, short

Amount = tuple[str, str, float | None]
"""The column's title, its short name, and the number."""


def explore_table(contents: Contents) -> Table:
    """Return an arm's quality, the English that it kept, and what it takes, in a line; empty with less than two."""
    arms = contents.adapted_arms()
    amounts = [_amounts(contents, arm) if contents.has_ledger else _older_amounts(arm) for arm in arms]
    known = [at for at, column in enumerate(zip(*amounts, strict=True)) if any(each[2] is not None for each in column)]
    scores = {
        with_unit(contents, headline_metric(contents)): [
            _score(arm, headline_metric(contents), arm.main_test) for arm in arms
        ],
        "English kept (%)": [_score(_english_of(contents, arm), english_metric(contents), ENGLISH) for arm in arms],
    }
    scores = {title: cells for title, cells in scores.items() if any(cell.value is not None for cell in cells)}
    rows = [
        _row(arm, [cells[at] for cells in scores.values()], [taken[place] for place in known])
        for at, (arm, taken) in enumerate(zip(arms, amounts, strict=True))
    ]
    titles = (*scores, *(amounts[0][place][0] for place in known))
    return Table(
        "explore",
        "The numbers of the plot above.",
        "Arm",
        titles,
        (Group("", tuple(rows if len(titles) > 1 else ())),),
    )


def _row(arm: Arm, scores: Sequence[Cell], amounts: Sequence[Amount]) -> Row:
    data = {"arm": arm.name, "kind": arm.trained_on or "none"}
    asked = [Cell(cell.text, cell.detail, cell.value, data | cell.data) for cell in scores]
    cells = [Cell(short(value), value=value, data=data | {"number": name}) for _, name, value in amounts]
    return Row(arm.title, (*asked, *cells), note=arm.name)


def _english_of(contents: Contents, arm: Arm) -> Arm:
    """Return the arm whose English an arm has: the base's, where it trains nothing and wasn't asked itself."""
    known = arm.value(english_metric(contents), ENGLISH) is not None
    return arm if known or not arm.is_untrained else contents.arm(ENGLISH) or arm


def _score(asked: Arm, metric: str, test: str) -> Cell:
    cell, score = score_cell(asked, metric, test), asked.score(metric, test)
    ends = {"low": score.low, "high": score.high} if score else {}
    known = {name: str(end) for name, end in ends.items() if end is not None}
    return Cell(cell.text, cell.detail, cell.value, {"metric": metric, "test": test} | known)


def _amounts(contents: Contents, arm: Arm) -> list[Amount]:
    asking, whose = arm.cost.asking, "GPU" if contents.on_device else "core"
    return [
        *_sum(contents, "To make", "make", arm.cost.make, whose),
        *_sum(contents, f"{THOUSAND} answers", "per-1000", asking, whose),
        ("Waiting for one answer, seconds", "p50-seconds", asking.p50_seconds if asking else None),
    ]


def _sum(contents: Contents, title: str, key: str, of: Amounts | None, whose: str) -> list[Amount]:
    took = contents.computing(of)
    return [
        (f"{title}, {whose} minutes", f"{key}-minutes", None if took is None else took / 60),
        (f"{title}, TFLOP", f"{key}-tflop", None if of is None or of.flops is None else of.flops / 1e12),
        (f"{title}, €", f"{key}-euros", of.euros if of else None),
    ]


def _older_amounts(arm: Arm) -> list[Amount]:
    """Return what older results have: one sum of making, asking and measuring, by the clock."""
    seconds, flops = arm.cost.seconds, arm.cost.flops
    return [
        ("All of it, minutes", "total-minutes", None if seconds is None else seconds / 60),
        ("All of it, TFLOP", "total-tflop", None if flops is None else flops / 1e12),
        ("One answer, seconds", "seconds-per-answer", arm.cost.seconds_per_answer),
    ]
