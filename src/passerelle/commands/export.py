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
    from passerelle.evaluate.lmms_export import export as run

    names = run(benchmarks, languages, out, images)
    if as_json:
        print_json({"tasks": names, "include_path": str(out / "tasks"), "plugin": str(out / "plugin")})
        return
    click.echo(f"tasks: {', '.join(names)}")
    click.echo(f"install the models: pip install {out / 'plugin'}", err=True)
    click.echo(
        f"run: python -m lmms_eval --model passerelle --model_args model=pipeline --include_path {out / 'tasks'} "
        f"--tasks {','.join(names)} --batch_size 1",
        err=True,
    )
