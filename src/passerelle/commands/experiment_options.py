"""The options by which commands name a comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from passerelle.comparison.settings import Experiment

_FILE = click.Path(path_type=Path)
_CHANGES = {
    "seeds": "seeds", "target": "language", "model": "model", "review": "review", "families": "families",
    "languages": "languages", "reader": "reader", "labels": "labels",
}  # fmt: skip
"""Options that stand in place of a key of the file."""


def _words(what: Callable[[str], Any]) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    def split(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Any:
        try:
            return None if value is None else [what(word.strip()) for word in value.split(",") if word.strip()]
        except ValueError:
            raise click.BadParameter(f"{value!r} is not a list like 1,2,3", ctx, parameter) from None

    return split


_OPTIONS = (
    click.argument("experiment", type=_FILE),
    click.option("--arms", callback=_words(str), help="Only these arms, separated by commas."),
    click.option("--seeds", callback=_words(int), help="Training seeds, separated by commas."),
    click.option("--target", help="Language to adapt to, in place of the file's: fr, es, ca, …"),
    click.option("--model", help="Model to adapt, in place of the file's."),
    click.option("--review", type=_FILE, help="applied.json of `passerelle review apply`."),
    click.option("--families", type=_FILE, help="TOML with families of your own  [beside EXPERIMENT]."),
    click.option("--languages", type=_FILE, help="Folder of languages' files of your own  [beside EXPERIMENT]."),
    click.option("--reader", help="Model that reads what rules can't: llm:MODEL@https://HOST/v1."),
    click.option("--labels", type=_FILE, help="People's labels, of `passerelle review export`."),
    click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Run folder [runs/NAME]."),
    click.option("--threads", type=click.IntRange(min=1), help="Threads of torch  [as many as cores are free]."),
)


def EXPERIMENT(command: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802 - a decorator, as LANGUAGES is
    """Give a command the argument EXPERIMENT and the options that change what is in it."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def changes_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the options change in the file."""
    return {key: given[option] for option, key in _CHANGES.items() if given.get(option) is not None}


def run_folder(experiment: Experiment, given: Mapping[str, Any], suffix: str = "") -> Path:
    """Return the folder of a comparison's run: the one that is named, or that of its name and language."""
    named = f"{experiment.name}{suffix}" + (f"-{given['target']}" if given.get("target") else "")
    return given["out"] or Path("runs") / named
