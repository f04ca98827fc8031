"""``passerelle plan``: what a comparison will cost and what its tests can show, before it is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from passerelle.commands.experiment_options import EXPERIMENT, changes_of, run_folder
from passerelle.commands.printing import print_json

if TYPE_CHECKING:
    from rich.table import Table

    from passerelle.comparison.settings import Experiment


@click.command()
@EXPERIMENT
@click.option("--pilot", type=click.Path(path_type=Path), help="Earlier run, whose arms differ as these will.")
@click.option("--difference", type=click.FloatRange(min=0, min_open=True), default=2.0, show_default=True,
              help="Points that the tests are to show.")  # fmt: skip
@click.option("--questions", type=click.IntRange(min=1), default=24, show_default=True,
              help="Questions of each test that each arm is really asked, about.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan(
    pilot: Path | None, difference: float, questions: int, as_json: bool, threads: int | None, **given: Any
) -> None:
    """Say what the arms of an EXPERIMENT file will cost, which of them limits leave out, and what the tests can show.

    A few steps of each stage are really taken and a few questions of each test really asked, on this machine. Nothing
    is left in the run folder. Translations that were needed for it stay in the memory and features of pictures in the
    cache, where the comparison finds them. A server, or a pipeline's engine, that is paid for is asked these few
    questions, and they are paid.
    """
    from passerelle.comparison.settings import load_experiment

    settings = load_experiment(given["experiment"], changes_of(given), given["arms"])
    show_plan(settings, run_folder(settings, given), threads, as_json, pilot, difference, questions)


def show_plan(
    settings: Experiment, folder: Path, threads: int | None, as_json: bool, pilot: Path | None = None, *how: Any
) -> None:
    """Make the plan of a comparison and print it.

    Args:
        settings: The comparison.
        folder: Its run folder.
        threads: Of torch.
        as_json: Whether as JSON.
        pilot: An earlier run.
        how: Points that are to be shown, and how many questions are asked, unless as usual.
    """
    from passerelle import machine
    from passerelle.comparison.planning.plan import DIFFERENCE, QUESTIONS, PlanOptions, plan_comparison

    difference, questions = how or (DIFFERENCE, QUESTIONS)
    machine.spare_imports()
    with machine.threads(threads):
        found = plan_comparison(settings, folder, PlanOptions(questions, pilot, difference))
    if as_json:
        print_json(found)
    else:
        _print(found)


def _print(found: Mapping[str, Any]) -> None:
    from rich.console import Console

    console = Console()
    console.print(_costs(found))
    for line in _lines(found):
        click.echo(line)
    console.print(_shown(found))
    for line in dict.fromkeys(_notes(found)):
        click.echo(line)


def _costs(found: Mapping[str, Any]) -> Table:
    from passerelle.report.wording import compute, memory

    titles = [
        "arm",
        "to make",
        "1,000 answers",
        "one answer, at most",
        "all of it here",
        "euros of it",
        "operations",
        "memory",
    ]
    rows = []
    verdicts = found["limits"]["arms"] if found["limits"] else {}
    for arm in found["arms"]:
        if arm["error"]:
            rows.append([arm["name"], "can't be tried"])
            continue
        here, waits = arm["here"], arm["asked_by_themselves"]
        rows.append([
            arm["name"],
            _time(arm["make"]) if arm["phases"] else "nothing",
            _time(arm["per_1000"]) if arm["per_1000"] else "",
            f"{max(waits):.2f} s" if waits else "",
            _time(here, ends=True),
            _euros(here),
            compute(here["flops"]),
            memory(arm["peak_bytes"]) if arm["peak_bytes"] else "",
            *([verdicts.get(arm["name"], "")] if verdicts else []),
        ])  # fmt: skip
    whole = found["whole"]
    rows.append(["all of it", "", "", "", _time(whole, ends=True), _euros(whole), compute(whole["flops"]), ""])
    return _table("What it will cost", [*titles, *(["limits"] if verdicts else [])], rows)


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    from passerelle.report.wording import duration

    low, value, high = found["whole"]["seconds"]
    yield f"By the clock, on this machine: {duration(value)}, from {duration(low)} to {duration(high)}."
    if found["tests_translation"]["seconds"][1] or found["tests_translation"]["engine_eur"]:
        translating = found["tests_translation"]
        yield f"Of it the translation of tests: {_time(translating)}, {_euros(translating)} €."
    yield (
        "Times are the processor's, or the device's where there is one; each arm's as if it were alone: what arms "
        "share, features of pictures and translations, makes the whole less."
    )
    yield f"Euros by the prices of {found['prices_as_of']}, without people's work, which exists already."


def _shown(found: Mapping[str, Any]) -> Table:
    from passerelle.report.wording import decimal, interval, whole

    points = decimal(found["difference"])
    titles = [
        "test",
        "questions",
        "pictures",
        "shows, points",
        "of all arms",
        f"for {points} points: questions",
        "pictures",
    ]
    rows = []
    for test in found["power"]:
        row = [test["test"], whole(test["questions"]), whole(test["pictures"])]
        if test["smallest"]:
            low, value, high = test["smallest"]
            counts = whole(test["questions_needed"]), whole(test["pictures_needed"])
            row += [f"{decimal(value)} {interval(low, high)}", decimal(test["corrected"]), *counts]
        rows.append(row)
    return _table("The smallest difference that the tests show 80 times in 100", titles, rows)


def _notes(found: Mapping[str, Any]) -> Iterator[str]:
    for test in found["power"]:
        yield f"{test['test']}: {test['known_by']}."
    yield "'of all arms' is after Holm's correction for all planned comparisons, at its strictest."
    yield from (f"{arm['name']} can't be tried: {arm['error']}" for arm in found["arms"] if arm["error"])
    yield from found["notes"]


def _table(title: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for name in titles:
        table.add_column(name)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _time(amounts: Mapping[str, Any], ends: bool = False) -> str:
    from passerelle.report.wording import duration

    clock = "device_seconds" if amounts["device_seconds"][1] else "processor_seconds"
    low, value, high = amounts[clock]
    return f"{duration(value)} [{duration(low)}, {duration(high)}]" if ends else duration(value)


def _euros(amounts: Mapping[str, Any]) -> str:
    low, value, high = amounts["euros"]
    return f"{_money(value)} [{_money(low)}, {_money(high)}]"


def _money(euros: float) -> str:
    return f"{euros:.2f}" if euros >= 0.1 else f"{euros:.2g}"
