"""The page's tables of costs and of training."""

from __future__ import annotations

from passerelle.report.cells import Cell
from passerelle.report.contents import Arm, Contents, Phase, Stage
from passerelle.report.page_tables import Group, Row, Table
from passerelle.report.parse import read_phases
from passerelle.report.wording import DASH, decimal, duration, short, whole


def phases_table(contents: Contents) -> Table:
    """Show what each phase of each arm cost, and the sum."""
    seconds = [x for arm in contents.arms for x in (arm.cost.seconds, *(p.seconds for p in arm.cost.phases)) if x]
    longest = max(seconds, default=1.0)
    groups = []
    for arm in contents.arms:
        rows = [_phase_row(arm, phase, longest) for phase in arm.cost.phases]
        total = Phase("in all", arm.cost.seconds, arm.cost.flops, arm.cost.peak_bytes, _tokens(arm))
        if rows or total.seconds is not None:
            rows.append(_phase_row(arm, total, longest, "total"))
        if arm.cost.paid_seconds is not None and any((phase.shared_by or 1) > 1 for phase in arm.cost.phases):
            rows.append(_phase_row(arm, Phase("paid here", arm.cost.paid_seconds), longest, "paid"))
        groups += [Group(arm.title, tuple(rows))] if rows else []
    shared = read_phases(contents.raw.get("shared_costs"))
    if shared:
        rows = [_phase_row(Arm("all", "all"), phase, longest) for phase in shared]
        groups.append(Group("The tests themselves", tuple(rows)))
    return Table(
        "phases",
        "What each phase costs an arm, as if it were alone; what several arms need was done once, and each paid its "
        "share of it. Tokens count what the model read and wrote, pictures included.",
        "Phase",
        ("Time", "", "TFLOP", "Peak GB", "Tokens", "Shared by"),
        tuple(groups),
    )


def _tokens(arm: Arm) -> float | None:
    counts = [phase.tokens for phase in arm.cost.phases]
    return None if None in counts or not counts else sum(count for count in counts if count is not None)


def _phase_row(arm: Arm, phase: Phase, longest: float, style: str = "") -> Row:
    data = {"arm": arm.name, "phase": style or phase.name}
    sharing = phase.shared_by if (phase.shared_by or 1) > 1 else None
    bar = None if phase.seconds is None else (0.0, phase.seconds / longest, phase.seconds / longest, 0.0)
    return Row(
        phase.name,
        (
            Cell(duration(phase.seconds), value=phase.seconds, data=data | {"metric": "seconds"}),
            Cell("", bar=bar, style="glyph amount"),
            Cell(short(phase.flops, 1e12), value=phase.flops, data=data | {"metric": "flops"}),
            Cell(short(phase.peak_bytes, 1e9), value=phase.peak_bytes, data=data | {"metric": "peak-bytes"}),
            Cell(whole(phase.tokens), value=phase.tokens, data=data | {"metric": "tokens"}),
            Cell(whole(sharing) + " arms" if sharing else "", value=sharing, data=data | {"metric": "shared-by"}),
        ),
        style=style,
    )


def work_table(contents: Contents) -> Table:
    """Show what each arm needs at work: time for an answer, what was translated at which price, parameters trained."""
    rows = []
    for arm in contents.arms:
        cost, data = arm.cost, {"arm": arm.name}
        price = DASH if cost.engine_eur is None else f"{decimal(cost.engine_eur, 2)} €"
        counts = {
            "sentences-translated": cost.sentences_translated,
            "characters-translated": cost.characters_translated,
        }
        cells = [
            _plain(duration(cost.seconds_per_answer), cost.seconds_per_answer, data, "seconds-per-answer"),
            *(_plain(whole(count), count, data, name) for name, count in counts.items()),
            _plain(price, cost.engine_eur, data, "engine-eur"),
            _plain(whole(cost.trainable_parameters), cost.trainable_parameters, data, "trainable-parameters"),
        ]
        rows.append(Row(arm.title, tuple(cells)))
    return Table(
        "work",
        "What an arm needs for each answer, and what it took to get there.",
        "Arm",
        ("Time per answer", "Sentences translated", "Characters", "Paid engines", "Trained parameters"),
        (Group("", tuple(rows)),),
    )


def _plain(text: str, value: float | None, data: dict[str, str], metric: str) -> Cell:
    return Cell(text, value=value, data=data | {"metric": metric})


def training_table(contents: Contents) -> Table:
    """Show the training stages of each arm."""
    groups = [Group(arm.title, tuple(_stage_row(arm, s) for s in arm.stages)) for arm in contents.arms if arm.stages]
    return Table(
        "training",
        "The training stages. The loss is the first and the last one stored.",
        "Stage",
        ("Samples", "Tokens", "Steps", "Learning rate", "Loss"),
        tuple(groups),
    )


def _stage_row(arm: Arm, stage: Stage) -> Row:
    data = {"arm": arm.name, "stage": stage.name}
    counts = (("samples", stage.samples), ("tokens", stage.tokens), ("steps", stage.steps))
    rate = stage.learning_rate
    first, last = (stage.loss[0][1], stage.loss[-1][1]) if stage.loss else (None, None)
    loss = f"{first:.2f} → {last:.2f}" if first is not None and last is not None else DASH
    return Row(
        stage.name,
        (
            *(Cell(whole(count), value=count, data=data | {"metric": name}) for name, count in counts),
            Cell(DASH if rate is None else f"{rate:.2g}", value=rate, data=data | {"metric": "learning-rate"}),
            Cell(loss, value=last, data=data | {"metric": "loss"}),
        ),
    )
