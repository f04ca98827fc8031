"""``passerelle advise``: which arm of a comparison to choose, and why."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from passerelle.commands.numbers import Number
from passerelle.commands.printing import print_json


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--volume", default="10000/month", show_default=True, help="Answers to give: 50000, 2M, 10000/day.")
@click.option("--days", type=Number(min=0, min_open=True), default=365, show_default=True,
              help="How long a rate holds.")  # fmt: skip
@click.option("--budget", type=Number(min=0), help="Euros for making an arm and all these answers  [any].")
@click.option("--keep-english", type=Number(min=0), help="Points of English that may be lost  [any].")
@click.option("--latency", type=Number(min=0, min_open=True), help="Seconds of 95 in 100 answers  [any].")
@click.option("--json", "as_json", is_flag=True, help="Print the advice as JSON.")
def advise(
    run: Path,
    volume: str,
    days: float,
    budget: float | None,
    keep_english: float | None,
    latency: float | None,
    as_json: bool,
) -> None:
    """Say which arm of the comparison in the folder RUN to choose, why, how sure that is, and what would change it.

    \b
      passerelle advise runs/demo --volume 10000/day --budget 50 --keep-english 5

    The rules can be read: arms that don't hold what is asked are left out; those that the paired differences don't
    tell apart from the best are as good, and the cheapest of them at the volume is chosen. Where the model as it is
    is among them, nothing is shown to help: then no arm is chosen, and what to measure is said.
    """  # noqa: D301 - click reads the backspace
    from passerelle.report.advice.advise import lines_of
    from passerelle.report.advice.candidates import advise_on
    from passerelle.report.advice.volume import parse_volume
    from passerelle.report.advice.wish import Wish
    from passerelle.runs import open_results

    results = open_results(run, "comparison").content
    advice = advise_on(results, Wish(parse_volume(volume, days), budget, keep_english, latency))
    if as_json:
        print_json(dataclasses.asdict(advice))
    else:
        for line in lines_of(advice):
            click.echo(line)
