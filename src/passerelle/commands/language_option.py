"""The option that names languages' files of one's own, for commands that hand none on."""

from __future__ import annotations

from pathlib import Path

import click


def _know(context: click.Context, parameter: click.Parameter, folder: Path | None) -> None:
    """Know the files of a folder until the command is done."""
    if folder is not None:
        from passerelle.languages.knowledge import known_languages

        context.with_resource(known_languages(folder))


LANGUAGES = click.option(
    "--languages",
    type=click.Path(path_type=Path),
    expose_value=False,
    callback=_know,
    help="Folder of languages' files of your own, CODE.toml each.",
)
