"""``passerelle languages``: what is known of each language, what is missing, and a file to begin with."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from passerelle.commands.printing import print_json


@click.command()
@click.argument("code", required=False)
@click.option("--start", type=click.Path(path_type=Path), help="Write a file to fill in, named CODE.toml.")
@click.option("--languages", "folder", type=click.Path(path_type=Path), help="Folder of files of your own, read too.")
@click.option("--answers", type=click.Path(path_type=Path), help="Answers with their meaning: how well they are read.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def languages(code: str | None, start: Path | None, folder: Path | None, answers: Path | None, as_json: bool) -> None:
    """Say what is known of every language, or of CODE, and what is missing.

    A language is one file: its words for yes and no, its numbers, its prompts. Likelihoods, letters and judged answers
    need none of it, and work in every language. To add or change one:

    \b
      passerelle languages ca                             what is known of Catalan, and what isn't
      passerelle languages ca --start languages/ca.toml   a file with all of it, to fill in
      passerelle languages ca --languages languages       whether it is right, and what is known now
      passerelle languages ca --answers answers.jsonl     how well it reads answers whose meaning you know
      passerelle evaluate … --language ca --languages languages

    A comparison reads the folder `languages` beside its file by itself.
    """  # noqa: D301 - click reads the backspace
    from passerelle.languages.knowledge import known_languages
    from passerelle.languages.overview import overview, overviews, start_file

    if start is not None and not code:
        raise click.UsageError("--start needs the language: passerelle languages ca --start languages/ca.toml")
    if answers is not None:
        _try(code, answers, folder, as_json)
        return
    with known_languages(folder):
        found = [overview(code)] if code else overviews()
        if start is not None and code:
            start_file(code, start)
    if as_json:
        print_json(dataclasses.asdict(found[0]) if code else [dataclasses.asdict(each) for each in found])
    elif code:
        (each,) = found
        own = f" ({each.own_name})" if each.own_name else ""
        click.echo(f"{each.code}  {each.name}{own}, {each.direction}{', with a file of your own' if each.own else ''}")
        click.echo(f"known    {', '.join(each.known) or 'nothing'}")
        for part, without in each.missing.items():
            click.echo(f"missing  {part}: {without}")
        for source in each.sources:
            click.echo(f"source   {source}")
        if each.missing and start is None:
            click.echo(f"→ passerelle languages {each.code} --start languages/{each.code}.toml")
    else:
        for each in found:
            click.echo(
                f"{each.code:8} {each.name:24} {', '.join(each.known) or '-'}{'  (your own)' if each.own else ''}"
            )
    if start is not None:
        click.echo(
            f"written: {start}. Fill it in, then: passerelle languages {code} --languages {start.parent}", err=True
        )


def _try(code: str | None, answers: Path, folder: Path | None, as_json: bool) -> None:
    from passerelle.evaluation.parsing.trial import lines_of, read_labelled, try_answers
    from passerelle.languages.knowledge import known_languages

    if not code:
        raise click.UsageError("--answers needs the language: passerelle languages ca --answers answers.jsonl")
    with known_languages(folder):
        tried = try_answers(read_labelled(answers), code)
    if as_json:
        print_json(dataclasses.asdict(tried))
    else:
        for line in lines_of(tried):
            click.echo(line)
