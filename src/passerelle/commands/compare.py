"""``passerelle compare``: all ways of adapting, in quality and cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from passerelle.commands.printing import print_json


def _words(what: Callable[[str], Any]) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    def split(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Any:
        try:
            return None if value is None else [what(word.strip()) for word in value.split(",") if word.strip()]
        except ValueError:
            raise click.BadParameter(f"{value!r} is not a list like 1,2,3", ctx, parameter) from None

    return split


@click.command()
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option("--arms", callback=_words(str), help="Only these arms, separated by commas.")
@click.option("--seeds", callback=_words(int), help="Training seeds, separated by commas.")
@click.option("--target", help="Language to adapt to, in place of the file's: fr, es, ca, …")
@click.option("--model", help="Model to adapt, in place of the file's.")
@click.option("--review", type=click.Path(path_type=Path), help="applied.json of `passerelle review apply`.")
@click.option(
    "--families", type=click.Path(path_type=Path), help="TOML with families of your own  [beside EXPERIMENT]."
)
@click.option(
    "--languages", type=click.Path(path_type=Path), help="Folder of languages' files of your own  [beside EXPERIMENT]."
)
@click.option("--reader", help="Model that reads what rules can't: llm:MODEL@https://HOST/v1.")
@click.option("--labels", type=click.Path(path_type=Path), help="People's labels, of `passerelle review export`.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Run folder [runs/NAME].")
@click.option("--threads", type=click.IntRange(min=1), help="Threads of torch  [as many as cores are free].")
@click.option("--smoke", is_flag=True, help="Everything on a handful of pictures, in a minute or so.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON on stdout.")
def compare(
    experiment: Path,
    arms: list[str] | None,
    seeds: list[int] | None,
    target: str | None,
    model: str | None,
    review: Path | None,
    families: Path | None,
    languages: Path | None,
    reader: str | None,
    labels: Path | None,
    out: Path | None,
    threads: int | None,
    smoke: bool,
    as_json: bool,
) -> None:
    """Run the arms of an EXPERIMENT file and compare them in quality and cost.

    The file names a model, a language, data, tests and arms. Data and tests are translated, gated or repaired as it
    says, every arm is trained and asked, and results.json and report.html are written into the run folder. Stopped
    anywhere, the same command goes on; what is done isn't done again.
    """
    from passerelle import machine
    from passerelle.comparison.settings import SMOKE, load_experiment
    from passerelle.config import merge

    given = {"seeds": seeds, "language": target, "model": model, "review": review, "families": families}
    given |= {"languages": languages, "reader": reader, "labels": labels}
    changes = {key: value for key, value in given.items() if value is not None}
    settings = load_experiment(experiment, merge(SMOKE, changes) if smoke else changes, arms)
    if smoke:
        settings = settings.model_copy(update={"seeds": settings.seeds[:1]})
    suffix = ("-smoke" if smoke else "") + (f"-{target}" if target else "")
    folder = out or Path("runs") / f"{settings.name}{suffix}"
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
