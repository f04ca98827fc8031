"""The numbers of each arm that a reader may set against each other: the page's script draws any two of them."""

from __future__ import annotations

from passerelle.report.cells import Cell, english_metric, headline_metric, score_cell
from passerelle.report.contents import ENGLISH, Amounts, Arm, Contents
from passerelle.report.page_tables import Group, Row, Table
from passerelle.report.wording import metric_title, short

Amount = tuple[str, float | None]


def explore_table(contents: Contents) -> Table:
    """Return an arm's quality, the English that it kept, and what it takes, in a line; empty without costs."""
    whose = "GPU" if contents.on_device else "core"
    amounts = (f"{whose} minutes", "TFLOP", "€")
    return Table(
        "explore",
        "The numbers of the plot above.",
        "Arm",
        (
            f"{metric_title(headline_metric(contents))} (%)",
            "English kept (%)",
            *(f"To make, {each}" for each in amounts),
            *(f"1,000 answers, {each}" for each in amounts),
            "Waiting for one answer, seconds",
        ),
        (Group("", tuple(_row(contents, arm) for arm in contents.adapted_arms() if contents.has_ledger)),),
    )


def _row(contents: Contents, arm: Arm) -> Row:
    data = {"arm": arm.name, "kind": arm.trained_on or "none"}
    asking = arm.cost.asking
    amounts = [
        *_amounts(contents, "make", arm.cost.make),
        *_amounts(contents, "per-1000", asking),
        ("p50-seconds", asking.p50_seconds if asking else None),
    ]
    scores = (
        _score(arm, headline_metric(contents), arm.main_test, data),
        _score(_english_of(contents, arm), english_metric(contents), ENGLISH, data),
    )
    cells = [Cell(short(value), value=value, data=data | {"number": name}) for name, value in amounts]
    return Row(arm.title, (*scores, *cells), note=arm.name)


def _english_of(contents: Contents, arm: Arm) -> Arm:
    """Return the arm whose English an arm has: the base's, where it trains nothing and wasn't asked itself."""
    known = arm.value(english_metric(contents), ENGLISH) is not None
    return arm if known or not arm.is_untrained else contents.arm(ENGLISH) or arm


def _score(asked: Arm, metric: str, test: str, data: dict[str, str]) -> Cell:
    cell, score = score_cell(asked, metric, test), asked.score(metric, test)
    ends = {"low": score.low, "high": score.high} if score else {}
    known = {name: str(end) for name, end in ends.items() if end is not None}
    return Cell(cell.text, cell.detail, cell.value, data | {"metric": metric, "test": test} | known)


def _amounts(contents: Contents, key: str, of: Amounts | None) -> list[Amount]:
    took = contents.computing(of)
    return [
        (f"{key}-minutes", None if took is None else took / 60),
        (f"{key}-tflop", None if of is None or of.flops is None else of.flops / 1e12),
        (f"{key}-euros", of.euros if of else None),
    ]
