"""The page's tables of learning curves, and of what was seen on held samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from passerelle.report.cells import Cell, headline_metric, score_cell
from passerelle.report.contents import Arm, Contents, Look
from passerelle.report.curves.learning import Crossing, Ends, LearningCurve, Point, cost_at, read_curves
from passerelle.report.curves.learning_words import crossing_interval
from passerelle.report.page_tables import Group, Row, Table
from passerelle.report.wording import DASH, decimal, duration, interval, metric_title, short, signed, whole


def learning_table(contents: Contents) -> Table:
    """Show each arm at each size of data: scores, what a step brought, what making it takes."""
    curves = read_curves(contents)
    arms = [point.of for curve in curves for point in curve.points]
    metrics = [m for m in contents.metrics("headline_metrics") if any(arm.score(m) for arm in arms)]
    groups = [
        Group(contents.title(curve.arm), tuple(_point_row(contents, curve, point, metrics) for point in curve.points))
        for curve in curves
    ]
    return Table(
        "learning-table",
        f"Every size of data on the {contents.test_name}, with 95 % intervals by picture; below a score those of its "
        "seeds. What a step brought stands with the size that it leads to, with an interval by pictures and seeds. "
        "Time and euros are those of making the arm with so many examples, alone.",
        "Examples",
        (
            *(title for metric in metrics for title in (metric_title(metric), "The step brought")),
            _computing_title(contents),
            "€",
        ),
        tuple(groups),
    )


def _computing_title(contents: Contents, where: str = "") -> str:
    return f"{'GPU' if contents.on_device else 'Core'} time{where}"


def _point_row(contents: Contents, curve: LearningCurve, point: Point, metrics: Sequence[str]) -> Row:
    data = {"arm": curve.arm, "budget": f"{point.budget:g}"}
    computing, euros = contents.computing(point.make), point.make.euros if point.make else None
    cells = [cell for metric in metrics for cell in _score_cells(contents, curve, point, metric)]
    cells.append(Cell(duration(computing), value=computing, data=data | {"metric": "computing-seconds"}))
    cells.append(Cell(short(euros), value=euros, data=data | {"metric": "euros"}))
    fewer = f"of {whole(point.budget)} asked for" if point.samples not in (None, point.budget) else ""
    failed = point.status != "done"
    title = whole(point.budget if point.samples is None else point.samples)
    return Row(title, tuple(cells), f"{point.status}: {point.error}" if failed else fewer, "failed" if failed else "")


def _score_cells(contents: Contents, curve: LearningCurve, point: Point, metric: str) -> Iterator[Cell]:
    test = contents.main_test
    found = score_cell(point.of, metric, test)
    seeds = [s.value for s in point.of.seed_scores if (s.metric, s.test) == (metric, test)]
    data = found.data | {"budget": f"{point.budget:g}"}
    yield Cell(found.text, found.detail, found.value, data, note="; ".join(decimal(value) for value in seeds))
    step = next((s for s in curve.steps if (s.metric, s.test, s.end) == (metric, test, point.samples)), None)
    data = data | {"number": "step"}
    yield _ends_cell(step.gain, data) if step else Cell(DASH, data=data)


def _ends_cell(ends: Ends, data: dict[str, str]) -> Cell:
    return Cell(signed(ends.value), interval(ends.low, ends.high, plus=True), ends.value, data)


def crossings_table(contents: Contents) -> Table:
    """Show from how many examples on an arm is as good as another, and what that costs."""
    metric, test = headline_metric(contents), contents.main_test
    rows = [
        _crossing_row(contents, curve, crossing)
        for curve in read_curves(contents)
        for crossing in curve.crossings
        if (crossing.metric, crossing.test) == (metric, test)
    ]
    return Table(
        "crossings",
        "From how many examples on an arm is as good as another, and stays so: on straight lines between the sizes "
        "that were measured, over the logarithm of their number, with a 95 % interval by pictures and seeds. Nothing "
        "is drawn on beyond the last size.",
        "Arm, against",
        ("Level at", _computing_title(contents, " there"), "€ there", "Difference at the last size"),
        (Group("", tuple(rows)),),
    )


def _crossing_row(contents: Contents, curve: LearningCurve, crossing: Crossing) -> Row:
    data = {"arm": curve.arm, "against": crossing.against, "metric": crossing.metric}
    words = {"before": f"{whole(curve.smallest)} or fewer", "beyond": f"not up to {whole(curve.largest)}"}
    text = words.get(crossing.where.get("value", ""), f"{whole(crossing.at.value)} examples")
    seconds, euros = cost_at(contents, curve, crossing.at.value)
    return Row(
        contents.title(curve.arm),
        (
            Cell(text, crossing_interval(curve, crossing), crossing.at.value, data | {"number": "level-at"}),
            Cell(duration(seconds), value=seconds, data=data | {"number": "level-seconds"}),
            Cell(short(euros), value=euros, data=data | {"number": "level-euros"}),
            _ends_cell(crossing.last, data | {"number": "last"}),
        ),
        note=f"against {contents.title(crossing.against)}",
    )


def looks_table(contents: Contents) -> Table:
    """Show what was seen on held samples while an arm was trained, stage by stage, of its first seed."""
    groups = [
        Group(_stage_title(arm, stage.name), tuple(_look_row(arm, stage.name, look) for look in stage.looks))
        for arm in contents.arms
        for stage in arm.stages
        if stage.looks
    ]
    return Table(
        "looks",
        "What was seen on samples that weren't trained on: their loss in nats a token, by how much that in English "
        "rose, and the share of answers in the target language. Of the first seed.",
        "After step",
        ("Loss", "Loss in English", "It rose by", "Fidelity", "To an open question"),
        tuple(groups),
    )


def _stage_title(arm: Arm, stage: str) -> str:
    return arm.title if len(arm.stages) == 1 else f"{arm.title}: {stage}"


def _look_row(arm: Arm, stage: str, look: Look) -> Row:
    data = {"arm": arm.name, "stage": stage, "step": f"{look.step:g}"}
    shown = {
        "target-loss": (look.target_loss, decimal(look.target_loss, 3)),
        "english-loss": (look.english_loss, decimal(look.english_loss, 3)),
        "english-drop": (look.english_drop, f"{signed(look.english_drop)}\u00a0%"),
        "fidelity": (look.fidelity, f"{whole(look.fidelity)}\u00a0%"),
    }
    numbers = [
        Cell(DASH if value is None else text, value=value, data=data | {"metric": name})
        for name, (value, text) in shown.items()
    ]
    return Row(whole(look.step), (*numbers, Cell(look.answer, style="words")))
