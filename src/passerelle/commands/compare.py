"""``passerelle compare``: all ways of adapting, in quality and cost."""

from __future__ import annotations

from typing import Any

import click

from passerelle.commands.experiment_options import EXPERIMENT, changes_of, run_folder
from passerelle.commands.plan import show_plan
from passerelle.commands.printing import print_json


@click.command()
@EXPERIMENT
@click.option("--smoke", is_flag=True, help="Everything on a handful of pictures, in a minute or so.")
@click.option("--dry-run", is_flag=True, help="Say what it will cost, as `passerelle plan` does; run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON on stdout.")
def compare(smoke: bool, dry_run: bool, as_json: bool, threads: int | None, **given: Any) -> None:
    """Run the arms of an EXPERIMENT file and compare them in quality and cost.

    The file names a model, a language, data, tests and arms. Data and tests are translated, gated or repaired as it
    says, every arm is trained and asked, and results.json and report.html are written into the run folder. Stopped
    anywhere, the same command goes on; what is done isn't done again.
    """
    from passerelle import machine
    from passerelle.comparison.settings import SMOKE, load_experiment
    from passerelle.config import merge

    changes = changes_of(given)
    settings = load_experiment(given["experiment"], merge(SMOKE, changes) if smoke else changes, given["arms"])
    if smoke:
        settings = settings.model_copy(update={"seeds": settings.seeds[:1]})
    folder = run_folder(settings, given, "-smoke" if smoke else "")
    if dry_run:
        show_plan(settings, folder, threads, as_json)
        return
    from passerelle.comparison.run import compare as run

    machine.spare_imports()
    with machine.threads(threads):
        results = run(settings, folder)
    if as_json:
        print_json(results)
    else:
        _print_tables(results)
    click.echo(f"report: {folder / 'report.html'}", err=True)


def _print_tables(results: dict[str, Any]) -> None:
    from rich.console import Console

    from passerelle.report import render_table, summary_text

    render_table(results, Console())
    click.echo(summary_text(results))
    if results.get("review"):
        from passerelle.comparison.reviewed import change_lines

        click.echo("\n".join(change_lines(results["review"])))
