"""The page's tables of costs and of training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from passerelle.costs.ledger import PER
from passerelle.report.cells import Cell, headline_metric, own_test
from passerelle.report.contents import Amounts, Arm, Contents, Phase, Stage
from passerelle.report.page_tables import Group, Row, Table
from passerelle.report.parse import read_phases
from passerelle.report.wording import DASH, THOUSAND, decimal, duration, metric_title, short, whole


def ledger_table(contents: Contents) -> Table:
    """Show what making each arm, a thousand of its answers, and measuring it here take, never added up."""
    groups = []
    asked = [arm.cost.asking for arm in contents.arms if arm.cost.asking]
    shown = (contents.on_device, any(asking.p50_seconds is not None for asking in asked))
    for arm in contents.arms if contents.has_ledger else ():
        cost = arm.cost
        sums = (("To make", "make", cost.make), (f"{THOUSAND} answers", "per-1000", cost.asking))
        rows = [_ledger_row(arm, *each, shown) for each in (*sums, ("Measuring it here", "measuring", cost.measuring))]
        groups.append(Group(arm.title, tuple(rows)))
    device, waiting = shown
    return Table(
        "ledger",
        "Three things that are never added up. Core and GPU time don't depend on who else was on the machine; the "
        "clock does: where it can't be trusted, it says how many cores others kept busy. All is told as if the arm "
        "were alone; what was paid here is less where translations or features were known already, or other arms "
        "needed the same. Energy is an estimate from core and GPU time."
        + (
            " Waiting is told from answers that were asked for one by one: half of them, and 95 in 100, came within it."
            if waiting
            else ""
        ),
        "Arm",
        (
            "Core time",
            *(["GPU time"] if device else []),
            "TFLOP",
            "Tokens",
            "€",
            "Wh",
            "Paid here, €",
            *(["Waiting"] if waiting else []),
            "By the clock",
        ),
        tuple(groups),
    )


def _ledger_row(arm: Arm, title: str, key: str, found: Amounts | None, shown: tuple[bool, bool]) -> Row:
    of, data = found or Amounts(), {"arm": arm.name, "sum": key}
    waits = "" if of.p50_seconds is None else f"{duration(of.p50_seconds)}, {duration(of.p95_seconds)}"
    device = _plain(duration(of.device_seconds) if of.device_seconds else "", of.device_seconds, data, "device-seconds")
    waiting = _plain(waits, of.p50_seconds, data, "p50-seconds")
    clock = _plain(duration(of.seconds), of.seconds, data, "seconds")
    cells = (
        _plain(duration(of.processor_seconds), of.processor_seconds, data, "processor-seconds"),
        *([device] if shown[0] else []),
        _plain(short(of.flops, 1e12), of.flops, data, "flops"),
        _plain(whole(of.tokens), of.tokens, data, "tokens"),
        _plain(short(of.euros), of.euros, data, "euros"),
        _plain(short(of.watt_hours), of.watt_hours, data, "watt-hours"),
        _plain(short(of.paid_euros), of.paid_euros, data, "paid-euros"),
        *([waiting] if shown[1] else []),
        replace(clock, detail=_doubt(of)),
    )
    return Row(title, cells)


def _doubt(of: Amounts) -> str:
    """Say where the clock can't be trusted."""
    if of.clock_holds is not False or of.others_cores is None:
        return ""
    return f"not to be trusted: others, {decimal(of.others_cores)} cores"


def phases_table(contents: Contents) -> Table:
    """Show what each phase of each arm takes alone."""
    phases = [phase for arm in contents.arms for phase in arm.cost.phases]
    longest = max(filter(None, (*(arm.cost.seconds for arm in contents.arms), *map(_shown, phases))), default=1.0)
    groups = []
    for arm in contents.arms:
        rows = [_phase_row(arm, phase, longest) for phase in arm.cost.phases]
        if arm.cost.seconds is not None:  # an older version's sum of all
            total = Phase("in all", arm.cost.seconds, arm.cost.flops, arm.cost.peak_bytes)
            rows.append(_phase_row(arm, total, longest, "total"))
        groups += [Group(arm.title, tuple(rows))] if rows else []
    shared = read_phases(contents.raw.get("shared_costs"))
    if shared:
        rows = [_phase_row(Arm("all", "all"), phase, longest) for phase in shared]
        groups.append(Group("The tests themselves", tuple(rows)))
    return Table(
        "phases",
        "What each phase takes, as if the arm were alone; what several arms need was done once. Bars are of core time, "
        "where it is known. Tokens count what the model read and wrote, pictures included; written is "
        "what went to disks here.",
        "Phase",
        ("Core time", "", "By the clock", "TFLOP", "Peak GB", "Written MB", "Tokens", "Shared by"),
        tuple(groups),
    )


def _shown(phase: Phase) -> float | None:
    return phase.seconds if phase.processor_seconds is None else phase.processor_seconds


def _phase_row(arm: Arm, phase: Phase, longest: float, style: str = "") -> Row:
    data = {"arm": arm.name, "phase": style or phase.name}
    sharing = phase.shared_by if (phase.shared_by or 1) > 1 else None
    shown, core = _shown(phase), phase.processor_seconds
    bar = None if shown is None else (0.0, shown / longest, shown / longest, 0.0)
    return Row(
        phase.name,
        (
            Cell(duration(core), value=core, data=data | {"metric": "processor-seconds"}),
            Cell("", bar=bar, style="glyph amount"),
            Cell(duration(phase.seconds), value=phase.seconds, data=data | {"metric": "seconds"}),
            Cell(short(phase.flops, 1e12), value=phase.flops, data=data | {"metric": "flops"}),
            Cell(short(phase.peak_bytes, 1e9), value=phase.peak_bytes, data=data | {"metric": "peak-bytes"}),
            Cell(short(phase.written_bytes, 1e6), value=phase.written_bytes, data=data | {"metric": "written-bytes"}),
            Cell(whole(phase.tokens), value=phase.tokens, data=data | {"metric": "tokens"}),
            Cell(whole(sharing) + " arms" if sharing else "", value=sharing, data=data | {"metric": "shared-by"}),
        ),
        style=style,
    )


def right_answers_table(contents: Contents) -> Table:
    """Show what each right answer takes: a thousand answers' costs, by the share that is right."""
    metric = headline_metric(contents)
    rows = []
    for arm in contents.arms:
        score, asking = arm.score(metric, own_test(arm)), arm.cost.asking
        right = PER * (score.value or 0.0) / 100 if score and score.unit == "%" else 0.0
        if asking is not None and right > 0:
            rows.append(Row(arm.title, tuple(_per_right(contents, arm.name, asking, right))))
    return Table(
        "right-answers",
        f"What one right answer takes: what a thousand answers take, by the share that is right "
        f"({metric_title(metric).lower()}). An arm that is cheap but often wrong is dear by this.",
        "Arm",
        ("GPU time" if contents.on_device else "Core time", "By the clock", "Tokens", f"€ for {THOUSAND}"),
        (Group("", tuple(rows)),),
    )


def _per_right(contents: Contents, arm: str, asking: Amounts, right: float) -> Iterator[Cell]:
    data = {"arm": arm, "sum": "per-right-answer"}
    took = {"computing-seconds": contents.computing(asking), "seconds": asking.seconds}
    took |= {"tokens": asking.tokens, "euros": asking.euros}
    for name, value in took.items():
        each = None if value is None else value / right
        if name == "euros":  # of one they are too small to read
            text = short(None if each is None else PER * each)
        else:
            text = duration(each) if name.endswith("seconds") else short(each)
        yield _plain(text, each, data, name)


def work_table(contents: Contents) -> Table:
    """Show what was translated for each arm at which price, and the parameters that it trained."""
    rows = []
    for arm in contents.arms:
        cost, data = arm.cost, {"arm": arm.name}
        price = DASH if cost.engine_eur is None else f"{decimal(cost.engine_eur, 2)} €"
        counts = {
            "sentences-translated": cost.sentences_translated,
            "characters-translated": cost.characters_translated,
        }
        cells = [
            *(_plain(whole(count), count, data, name) for name, count in counts.items()),
            _plain(price, cost.engine_eur, data, "engine-eur"),
            _plain(whole(cost.trainable_parameters), cost.trainable_parameters, data, "trainable-parameters"),
        ]
        rows.append(Row(arm.title, tuple(cells)))
    return Table(
        "work",
        "What was translated for an arm, to make and to measure it, and what of it was trained.",
        "Arm",
        ("Sentences translated", "Characters", "Paid engines", "Trained parameters"),
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
