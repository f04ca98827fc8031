"""``passerelle review``: native experts judge, correct and write, and their work flows back into the data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from passerelle.commands.language_option import LANGUAGES
from passerelle.commands.printing import print_json
from passerelle.commands.quality_options import CALIBRATION, FILE, PHRASEBOOK, names
from passerelle.errors import MissingDependency, to_install

if TYPE_CHECKING:
    from passerelle.review.store.database import Database

NEEDED = ("alembic", "evalica", "fastapi", "sqlalchemy", "uvicorn")
"""Packages of the extra `review`."""
TASKS = ("judge", "translation", "write", "label")
_DB = click.option(
    "--db", "where", default="review.sqlite", show_default=True,
    help="SQLite file, or a URL as postgresql://user@host/name.",
)  # fmt: skip
_NAME = click.option("--campaign", help="Which campaign  [the only one].")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def _open(where: str, must_exist: bool = True) -> Database:
    from passerelle.review.store.database import Database

    return Database(where, must_exist=must_exist)


def _share(context: click.Context, parameter: click.Parameter, value: str) -> float:
    """Read ``30%`` or ``0.3``."""
    try:
        share = float(value[:-1]) / 100 if value.endswith("%") else float(value)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise click.BadParameter(f"{value!r} is no share: write 30% or 0.3", context, parameter)
    return share


@click.group()
def review() -> None:
    """Native experts review answers and translations in a web page, and write; their work flows back.

    \b
    Begin with:
      passerelle review create first --run runs/demo --arms pipeline,lora-human --experts Marie,Paul
      passerelle review serve
      passerelle review status
    """  # noqa: D301 - click reads the backspace
    from importlib.util import find_spec

    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise MissingDependency(f"reviewing needs {', '.join(missing)}: {to_install('review')}")


def _sources(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of what is reviewed."""
    for option in reversed(
        (
            click.option("--run", "run_folder", type=FILE, help="Run folder of `passerelle compare`: its answers."),
            click.option("--unread", is_flag=True, help="Of --run what rules couldn't read, to be labelled."),
            click.option("--answers", type=FILE, help="Answers from elsewhere, as JSON lines."),
            click.option("--arms", callback=names, default="", help="Whose answers, two or more to compare."),
            click.option("--data", type=FILE, help="A data set that was translated."),
            click.option("--translated", type=FILE, help="Its translation."),
            click.option("--pearmut", type=FILE, help="A campaign file of Pearmut, in place of --data."),
            click.option("--to", "target_language", default="fr", show_default=True, help="The experts' language."),
            click.option("--from", "source_language", default="en", show_default=True, help="Language of --data."),
            click.option("--format", default="", help="Format of the data  [found out]."),
            click.option("--fields", callback=names, default="", help="Places of the texts, for any rows."),
            click.option("--image-fields", callback=names, default="", help="Places of image paths, with --fields."),
            click.option("--images", type=FILE, help="Folder of the images of --data, or of --unread."),
            click.option("--images-anywhere", is_flag=True, help="Take images that lie outside of that folder, too."),
        )
    ):
        command = option(command)
    return command


@review.command()
@click.argument("name")
@_DB
@_sources
@click.option("--tasks", callback=names, default="", help=f"Of {', '.join(TASKS)}  [all that the sources allow].")
@click.option("--items", type=click.IntRange(min=1), default=200, show_default=True, help="Items of each task.")
@click.option("--for-audit", type=click.IntRange(min=20), metavar="N",
              help="N translations that help `audit --labels` most; 100 are a good start.")  # fmt: skip
@click.option("--annotators", type=click.IntRange(1, 200), default=3, show_default=True, help="Number of experts.")
@click.option("--experts", callback=names, default="", help="Their names, instead of a number.")
@click.option("--overlap", callback=_share, default="30%", show_default=True, help="Share that everybody gets.")
@click.option("--attention", callback=_share, default="5%", show_default=True, help="Attention checks, of a queue.")
@click.option("--repeats", callback=_share, default="5%", show_default=True, help="Items that come again, of a queue.")
@click.option("--order", type=click.Choice(["random", "value"]), default="random", show_default=True,
              help="value: first what is most doubtful and counts most.")  # fmt: skip
@click.option("--prefill", is_flag=True, help="Mark what the checks found. Off by default: it sways experts.")
@CALIBRATION
@PHRASEBOOK
@click.option("--licence", default="CC0-1.0", show_default=True, help="Of what experts write; they agree to it.")
@click.option("--interface", default="", help="Language of the page: fr or en  [the experts' language, or en].")
@click.option("--seed", type=int, default=1, show_default=True, help="Of every draw.")
@click.option("--url", default="http://127.0.0.1:8010", show_default=True, help="Where the page will be reached.")
@LANGUAGES
@_JSON
def create(name: str, where: str, url: str, as_json: bool, **options: Any) -> None:
    """Make the campaign NAME: draw what is reviewed, deal it out, print one secret link for each expert.

    The links are shown this once: only their digests are kept. `passerelle review link` makes a new one.
    """
    from passerelle.commands.review_sources import collect
    from passerelle.review.store.campaign import create_campaign
    from passerelle.review.store.database import without_password

    plan, tasks, sources = collect(name, **options)
    with _open(where, must_exist=False) as database:
        tokens = create_campaign(database, plan, tasks, sources)
    links = {person: f"{url.rstrip('/')}/enter/{token}" for person, token in tokens.items()}
    counts = {items[0].task: len(items) for items in tasks if items}
    if as_json:
        print_json({"campaign": name, "items": counts, **sources, "links": links})
        return
    for task, count in counts.items():
        checks = sum(item.is_attention for items in tasks for item in items if item.task == task)
        click.echo(f"{task:12} {count - checks:,} items, {checks} attention checks")
    if sources.get("identical"):
        click.echo(f"{sources['identical']:,} questions left out: both arms answered the same")
    for reason, count in sources.get("left_out", {}).items():
        click.echo(f"{count:,} left out: {reason}")
    if sources.get("pictures_unseen"):
        click.echo(f"{sources['pictures_unseen']:,} pictures that the data name aren't shown: give --images FOLDER")
    width = max(map(len, links))
    for person, link in links.items():
        click.echo(f"{person:{width}}  {link}")
    click.echo(f"serve it: passerelle review serve --db {without_password(where)}", err=True)


@review.command()
@_DB
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8010, show_default=True, help="Port to listen at.")
@click.option("--https", is_flag=True, help="The page is reached by HTTPS, through a proxy.")
def serve(where: str, host: str, port: int, https: bool) -> None:
    """Serve the page, until Ctrl-C. Nothing is lost when it is stopped, in whatever way."""
    from passerelle.review.page.server import serve as run

    with _open(where) as database:
        click.echo(f"serving {database.name} at http://{host}:{port}", err=True)
        run(database, host, port, https=https)


@review.command()
@_DB
@_NAME
@_JSON
def status(where: str, campaign: str | None, as_json: bool) -> None:
    """Say who did how much, how far experts agree, and which arm they prefer."""
    from passerelle.review.findings.status import campaign_status
    from passerelle.review.store.campaign import find_campaign

    with _open(where) as database, database.read() as session:
        found = campaign_status(session, find_campaign(session, campaign))
    if as_json:
        print_json(found.as_dict())
        return
    from passerelle.commands.review_printing import status_lines

    for line in status_lines(found):
        click.echo(line)


@review.command()
@click.argument("person")
@_DB
@_NAME
@click.option("--revoke", is_flag=True, help="Withdraw the link and give none.")
@click.option("--url", default="http://127.0.0.1:8010", show_default=True, help="Where the page is reached.")
def link(person: str, where: str, campaign: str | None, revoke: bool, url: str) -> None:
    """Give PERSON a new link; the old one stops working at once, the work stays."""
    from passerelle.review.store.campaign import replace_token

    with _open(where) as database:
        token = replace_token(database, campaign, person, revoke=revoke)
    click.echo(f"{person} has no link any more" if revoke else f"{url.rstrip('/')}/enter/{token}")


@review.command("export")
@_DB
@_NAME
@click.option("--format", "form", type=click.Choice(["jsonl", "labels", "pearmut"]), default="jsonl",
              show_default=True,
              help="labels: for `audit --labels` and `quality fit`; pearmut: a campaign for Pearmut.")  # fmt: skip
@click.option("--out", type=FILE, help="File to write  [standard output].")
def export_(where: str, campaign: str | None, form: str, out: Path | None) -> None:
    """Write the finished judgments, with the arms' names put back; or the campaign itself for Pearmut."""
    import json

    from passerelle.review.findings.judged import read_judged
    from passerelle.review.putting_back.exchange import export_lines, label_rows, labels_csv
    from passerelle.review.putting_back.pearmut import translation_campaign
    from passerelle.review.store.campaign import find_campaign
    from passerelle.runs import write_atomically

    with _open(where) as database, database.read() as session:
        found = find_campaign(session, campaign)
        if form == "pearmut":
            text = json.dumps(translation_campaign(session, found), ensure_ascii=False, indent=1) + "\n"
        else:
            judged = read_judged(session, found.id)
            text = export_lines(found.name, judged) if form == "jsonl" else labels_csv(label_rows(judged))
    if out is None:
        click.echo(text, nl=False)
    else:
        write_atomically(out, text)
        click.echo(f"written: {out}", err=True)


@review.command("import")
@click.argument("file", type=FILE)
@_DB
@_NAME
@_JSON
def import_(file: Path, where: str, campaign: str | None, as_json: bool) -> None:
    """Take in judgments that `export` wrote, for the same campaign in another database."""
    from passerelle.review.putting_back.exchange import import_lines
    from passerelle.review.store.campaign import find_campaign

    with _open(where) as database, database.write() as session:
        done = import_lines(session, find_campaign(session, campaign), file)
    if as_json:
        print_json(done._asdict())
    else:
        click.echo(f"{done.new:,} new, {done.known:,} known already, {done.kept:,} finished here and kept")


@review.command()
@_DB
@_NAME
@click.option("--out", type=FILE, required=True, help="Folder for the data, native texts, labels and the calibration.")
@click.option("--memory", "at", type=FILE, help="Translation memory  [the one in the cache].")
@click.option("--engine", default="apertium", show_default=True, help="Translates the touched rows.")
@click.option("--references", type=FILE, help="People's translations, to say by how much chrF changes.")
@click.option("--without", callback=names, default="", help="Experts whose work is left out.")
@click.option("--refit/--no-refit", default=True, show_default=True, help="Fit the estimate on the experts' scores.")
@click.option("--run", "runs", type=FILE, multiple=True, help="Run folder: which of its arms are out of date.")
@click.option("--dry-run", is_flag=True, help="List what goes into which rows, and write nothing.")
@LANGUAGES
@_JSON
def apply(where: str, campaign: str | None, out: Path, at: Path | None, runs: tuple[Path, ...], dry_run: bool,
          as_json: bool, **how: Any) -> None:  # fmt: skip
    """Put the experts' work back: memory, data, native texts, calibration; say which arms are out of date.

    A correction goes into every row that holds the same text; all are listed before anything is written. Only rows
    that it touches change. Applying twice does nothing new.
    """
    from passerelle.commands.review_printing import applied_lines, plan_lines
    from passerelle.review.putting_back.applying import RECORD, Application, apply_campaign, plan_campaign
    from passerelle.review.store.campaign import find_campaign, log
    from passerelle.runs import cache_folder

    how["refit"] = bool(how["refit"])
    application = Application(out=out, memory=at or cache_folder() / "translations.sqlite", **how)
    with _open(where) as database:
        with database.read() as session:
            found = find_campaign(session, campaign)
            plan = plan_campaign(session, found, application)
            for line in plan_lines(plan):
                click.echo(line, err=not dry_run or as_json)
            if dry_run:
                if as_json:
                    print_json({"reaches": [vars(one) for one in plan.reaches],
                                "left_out": [vars(one) for one in plan.left_out]})  # fmt: skip
                return
            done = apply_campaign(session, found, application, plan)
        with database.write() as session:
            log(session, "apply", find_campaign(session, campaign).id, detail=f"{done['corrections']} corrections")
    if runs:
        from passerelle.comparison.run import outdated_arms

        done["outdated"] = {str(run): outdated_arms(run, out / RECORD) for run in runs}
    if as_json:
        print_json(done)
        return
    for line in applied_lines(done, out / RECORD):
        click.echo(line)
