"""``passerelle compare``: all ways of adapting, in quality and cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from passerelle.commands.printing import print_json
from passerelle.errors import ConfigError


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
@click.option("--target", help="Language to adapt to: fr, es, ca, …")
@click.option("--review", type=click.Path(path_type=Path), help="applied.json of `passerelle review apply`.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Run folder [runs/NAME].")
@click.option("--smoke", is_flag=True, help="Everything on a handful of pictures, in a minute or so.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON on stdout.")
def compare(
    experiment: Path,
    arms: list[str] | None,
    seeds: list[int] | None,
    target: str | None,
    review: Path | None,
    out: Path | None,
    smoke: bool,
    as_json: bool,
) -> None:
    """Run the arms of an EXPERIMENT file and compare them in quality and cost.

    A file with model_name_or_path compares methods on your own model, data and benchmarks; others are experiments on
    the embedded base and its pictures. Writes results.json and report.html into the run folder. Stopped anywhere, the
    same command goes on; arms that are done aren't run again.
    """
    from passerelle.comparison.settings import is_study

    given = {"arms": arms, "seeds": seeds, "target": target, "review": review}
    changes = {key: value for key, value in given.items() if value is not None}
    results, folder = (_own if is_study(experiment) else _embedded)(experiment, changes, out, smoke)
    if as_json:
        print_json(results)
    else:
        _print_tables(results)
    click.echo(f"report: {folder / 'report.html'}", err=True)


def _embedded(experiment: Path, changes: dict[str, Any], out: Path | None, smoke: bool) -> tuple[dict[str, Any], Path]:
    """Run an experiment on the embedded base."""
    from passerelle.config import SMOKE, load_experiment, merge

    settings = load_experiment(experiment, merge(SMOKE, changes) if smoke else changes)
    target = changes.get("target")
    folder = out or _run_folder(settings.name, smoke, f"-{target}" if target else "")
    from passerelle.compare.run import compare as run

    return run(settings, folder), folder


def _own(experiment: Path, changes: dict[str, Any], out: Path | None, smoke: bool) -> tuple[dict[str, Any], Path]:
    """Run a comparison of methods on one's own model."""
    from passerelle.config import merge
    from passerelle.comparison.settings import SMOKE, load_study

    if other := next((key for key in ("target", "review") if key in changes), ""):
        raise ConfigError(
            f"--{other} is for experiments on the embedded base; {str(experiment)!r} names its own model."
        )
    arms = changes.pop("arms", None)
    study = load_study(experiment, merge(SMOKE, changes) if smoke else changes, arms)
    if smoke:
        study = study.model_copy(update={"seeds": study.seeds[:1]})
    folder = out or _run_folder(study.name, smoke)
    from passerelle.comparison.run import compare_methods

    return compare_methods(study, folder), folder


def _run_folder(name: str, smoke: bool, suffix: str = "") -> Path:
    return Path("runs") / (name + ("-smoke" if smoke else "") + suffix)


def _print_tables(results: dict[str, Any]) -> None:
    from rich.console import Console

    from passerelle.report import render_table, summary_text

    render_table(results, Console())
    click.echo(summary_text(results))
    if results.get("review"):
        from passerelle.compare.reviewed import change_lines

        click.echo("\n".join(change_lines(results["review"])))
