"""``passerelle reproduce``: a comparison once more, from its results, and what differs."""

from __future__ import annotations

from pathlib import Path

import click

from passerelle.commands.printing import print_json


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), help="Run folder [runs/NAME-again].")
@click.option("--anyway", is_flag=True, help="Go on where data or models aren't what they were.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads of torch  [as many as cores are free].")
@click.option("--json", "as_json", is_flag=True, help="Print what differs as JSON.")
def reproduce(results: Path, out: Path | None, anyway: bool, threads: int | None, as_json: bool) -> None:
    """Run the comparison whose RESULTS (a run folder, or its results.json) are given once more, and say what differs.

    \b
      passerelle reproduce runs/demo -o runs/demo-again

    The settings are those that the results keep. Where files or models that it reads aren't what they were, by their
    checksums, it names them and stops. Afterwards: settings, versions, machine, data, how many answers are the same,
    scores with paired intervals, costs. All of it is in reproduction.json in the new folder.
    """  # noqa: D301 - click reads the backspace
    from passerelle import machine
    from passerelle.comparison.reproduction.differing import lines_of
    from passerelle.comparison.reproduction.reproduce import folder_of
    from passerelle.comparison.reproduction.reproduce import reproduce as run
    from passerelle.runs import open_results

    found = open_results(results, "comparison")
    folder = out or folder_of(found)
    machine.spare_imports()
    with machine.threads(threads):
        told = run(found, folder, anyway=anyway)
    if as_json:
        print_json(told)
    else:
        for line in lines_of(told):
            click.echo(line)
    click.echo(f"report: {folder / 'report.html'}", err=True)
