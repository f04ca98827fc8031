"""``passerelle memory``: what the translation memory knows, and its exchange with other tools."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from passerelle.commands.numbers import Number
from passerelle.commands.printing import print_json
from passerelle.errors import InputError

if TYPE_CHECKING:
    from passerelle.translation.memory.files import ImportReport
    from passerelle.translation.memory.memory import TranslationMemory

ORIGINS = ("machine", "repaired", "human-translation", "native")
_AT = click.option(
    "--memory", "at", type=click.Path(path_type=Path, dir_okay=False), help="Memory file [the one in the cache]."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def _open(at: Path | None, must_exist: bool = True) -> TranslationMemory:
    from passerelle.runs import cache_folder
    from passerelle.translation.memory.memory import TranslationMemory

    path = at or cache_folder() / "translations.sqlite"
    if must_exist and not path.is_file():
        raise InputError(
            f"no translation memory at {str(path)!r}. `passerelle memory import FILE` makes one; "
            "or name another with --memory."
        )
    return TranslationMemory(path, reads_only=must_exist)


def _code(named: str | None) -> str | None:
    from passerelle.languages.codes import language

    return None if named is None else language(named).bcp47


@click.group()
def memory() -> None:
    """The translation memory: every translation that was ever made or imported."""


@memory.command()
@_AT
@_JSON
def stats(at: Path | None, as_json: bool) -> None:
    """Say how much is known, by languages, engine and origin."""
    with _open(at) as opened:
        parts = opened.parts()
        path, size_bytes = opened.path, opened.path.stat().st_size
    entries = sum(part.entries for part in parts)
    if as_json:
        listed = [dataclasses.asdict(part) for part in parts]
        print_json({"memory": str(path), "bytes": size_bytes, "entries": entries, "parts": listed})
        return
    for part in parts:
        glossary = f", glossary {part.glossary}" if part.glossary else ""
        counts = f"{part.entries:>9,} {part.origin:17} {part.characters:>12,} characters"
        click.echo(f"{part.source} → {part.target}  {counts}  {part.signature or 'no engine'}{glossary}")
    click.echo(f"{entries:,} entries in {size_bytes / 1e6:,.1f} MB: {path}")


@memory.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--source", help="Only what was translated from this language.")
@click.option("--target", help="Only what was translated to this language.")
@_AT
@_JSON
def export_file(file: Path, source: str | None, target: str | None, at: Path | None, as_json: bool) -> None:
    """Write the memory to a TMX or CSV FILE; its name ends in .tmx or .csv."""
    from passerelle.translation.memory.files import export_memory

    with _open(at) as opened:
        written = export_memory(opened, file, _code(source), _code(target))
    if as_json:
        print_json({"file": str(file), "entries": written})
    else:
        click.echo(f"{written:,} entries written to {file}")


@memory.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--source", help="Language that was translated [what the file says].")
@click.option("--target", help="Language that it was translated to [all in the file].")
@click.option(
    "--origin",
    type=click.Choice(ORIGINS),
    default="human-translation",
    show_default=True,
    help="Who made the translations, where the file doesn't say it. People's win over any machine's.",
)
@_AT
@_JSON
def import_file(
    file: Path, source: str | None, target: str | None, origin: Any, at: Path | None, as_json: bool
) -> None:
    """Take a TMX or CSV FILE into the memory.

    Entries of a higher origin are never overwritten. Importing a file again changes nothing.
    """
    from passerelle.translation.memory.files import Defaults, import_memory

    with _open(at, must_exist=False) as opened:
        report = import_memory(opened, file, Defaults(source, target, origin))
    if as_json:
        print_json({**vars(report), "rejected": dict(report.rejected)})
    else:
        _print_report(report)
    if report.rejected and not report.new + report.replaced + report.kept:
        raise InputError(f"nothing of {str(file)!r} could be taken: see above for what was wrong.")


def _print_report(report: ImportReport) -> None:
    click.echo(f"{report.new:,} new, {report.replaced:,} replaced, {report.kept:,} kept as they were")
    for reason, count in report.rejected.most_common():
        click.echo(f"{count:,} rejected: {reason}")
    for place, reason, detail in report.examples:
        click.echo(f"  {place}: {reason}: {detail}", err=True)


@memory.command()
@click.argument("text")
@click.option("--source", default="en", show_default=True, help="Language of TEXT.")
@click.option("--target", default="fr", show_default=True, help="Language of the translations.")
@click.option("--limit", type=click.IntRange(1, 100), default=5, show_default=True, help="Most matches shown.")
@click.option("--least", type=Number(0, 100), default=60.0, show_default=True, help="Least likeness, 100 is the same.")
@_AT
@_JSON
def lookup(text: str, source: str, target: str, limit: int, least: float, at: Path | None, as_json: bool) -> None:
    """Find TEXT and texts like it, the most alike first."""
    from passerelle.translation.memory.matches import similar

    codes = str(_code(source)), str(_code(target))
    with _open(at) as opened:
        matches = similar(opened, text, *codes, limit=limit, least_score=least)
    if as_json:
        print_json([{"score": match.score, **dataclasses.asdict(match.entry)} for match in matches])
        return
    for match in matches:
        entry = match.entry
        click.echo(f"{match.score:5.1f}  {entry.origin}  {entry.signature}\n  {entry.source}\n  {entry.translation}")
    if not matches:
        click.echo(f"nothing that is {least:g}% alike from {codes[0]} to {codes[1]}", err=True)
