"""Options that the commands about translation quality share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from passerelle.quality.pairs import Paired

FILE = click.Path(path_type=Path)
CALIBRATION = click.option("--calibration", type=FILE, help="Made by `passerelle quality fit`  [the one that ships].")

PHRASEBOOK = click.option(
    "--phrasebook", type=FILE, help="TOML file of sentences that are right by definition, before those that ship."
)
QUICK = click.option("--quick", is_flag=True, help="Leave out the dear checks where the quick ones agree.")


CHECK = click.option(
    "--check", "checks", multiple=True,
    help="One more check beside the default ones: picture, cometkiwi, metricx or llm:MODEL@URL; may be given again.",
)  # fmt: skip


def say_asked(unsaid: Iterable[object], asked: Mapping[str, Mapping[str, float]]) -> None:
    """Say on stderr what checks couldn't say, and what asking language models took."""
    from passerelle.endpoints.budget import said_cost

    for line in unsaid:
        click.echo(str(line), err=True)
    for name, taken in asked.items():
        cost = said_cost(taken["engine_eur"])
        replies = "1 reply" if taken["requests"] == 1 else f"{taken['requests']:,} replies"
        click.echo(f"{name}: {replies}, {taken['tokens']:,.0f} tokens, {cost}", err=True)


def names(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    """Split a list of names at its commas."""
    return tuple(name.strip() for name in value.split(",") if name.strip())


def say_gaps(paired: Paired) -> None:
    """Say on stderr which rows of two files have no other; they are neither judged nor written."""
    if paired.gaps:
        click.echo(paired.gaps, err=True)


def reading(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of how two aligned files are read."""
    for option in reversed(
        (
            click.option("--to", "target_language", required=True, help="Language of the translation: fr, French, …"),
            click.option("--from", "source_language", default="en", show_default=True, help="Language of SOURCE."),
            click.option("--format", default="", help="Format of the files  [found out from their content]."),
            click.option("--fields", callback=names, default="", help="Places of the texts, for any rows."),
            click.option("--image-fields", callback=names, default="", help="Places of image paths, with --fields."),
            click.option("--columns", callback=names, default="", help="Places of both in one file: source,target"),
            click.option("--images", type=FILE, help="Folder of the images."),
            click.option("--images-anywhere", is_flag=True, help="Take images that lie outside of that folder, too."),
        )
    ):
        command = option(command)
    return command
