"""``passerelle export``: what other programs read."""

from __future__ import annotations

from pathlib import Path

import click

from passerelle.commands.printing import print_json
from passerelle.commands.quality_options import FILE


@click.group()
def export() -> None:
    """Write what other programs read."""


@export.command("lmms-eval")
@click.option("--benchmark", "benchmarks", multiple=True, help="NAME=PATH, NAME:fr=PATH or PATH; may be given again.")
@click.option("--language", "languages", default="en", show_default=True, help="Languages, separated by commas.")
@click.option("--images", type=FILE, help="Folder of the pictures  [that of the benchmark's file].")
@click.option("--out", type=FILE, default=Path("lmms-eval"), show_default=True, help="Folder to write.")
@click.option("--json", "as_json", is_flag=True, help="Print the tasks' names as JSON.")
def lmms_eval(benchmarks: tuple[str, ...], languages: str, images: Path | None, out: Path, as_json: bool) -> None:
    """Write benchmarks as tasks of lmms-eval 0.7, and a plugin that has it ask this package's models."""
    from passerelle.evaluation.lmms_export import export as run

    names = run(benchmarks, languages, out, images)
    if as_json:
        print_json({"tasks": names, "include_path": str(out / "tasks"), "plugin": str(out / "plugin")})
        return
    click.echo(f"tasks: {', '.join(names)}")
    click.echo(f"install the models: pip install {out / 'plugin'}", err=True)
    click.echo(
        f"run: python -m lmms_eval --model passerelle --model_args model=pipeline:embedded "
        f"--include_path {out / 'tasks'} --tasks {','.join(names)} --batch_size 1",
        err=True,
    )


@export.command("example-data")
@click.option("--to", "target", default="fr", show_default=True, help="The target language.")
@click.option("--out", type=FILE, default=Path("example-data"), show_default=True, help="Folder to write.")
@click.option("--json", "as_json", is_flag=True, help="Print how many rows each file has as JSON.")
def example_data(target: str, out: Path, as_json: bool) -> None:
    """Write the embedded example as files: conversations to learn from and benchmarks, in two languages.

    Something to try your own model on before you have data of your own: stamps and emoji whose captions people wrote.
    Training, development and test share no concept. Experiments name the same files as example:NAME.
    """
    from passerelle.example.files import write

    counts = write(out, target)
    if as_json:
        print_json({str(out / name): rows for name, rows in counts.items()})
    else:
        for name, rows in counts.items():
            click.echo(f"{out / name}: {rows}")
