"""``passerelle translate``: a whole data set into another language, in its own format."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from passerelle.commands.engine_options import engine_options
from passerelle.commands.language_option import LANGUAGES
from passerelle.commands.printing import print_json
from passerelle.commands.runner_options import running
from passerelle.commands.translate_progress import ShownProgress, duration
from passerelle.crews.opening import ON_RAY
from passerelle.errors import ConfigError, InputError
from passerelle.machine import rare_searches

if TYPE_CHECKING:
    from passerelle.translation.dataset.job import Job
    from passerelle.translation.dataset.runner import OpenRunner
    from passerelle.translation.dataset.summary import Summary
    from passerelle.translation.dataset.survey import Estimate

_FILE = click.Path(path_type=Path)


def _names(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


@click.command()
@click.argument("source", type=_FILE)
@click.option("--to", "target_language", required=True, help="Language to translate to: fr, fra, fr-CA, French, …")
@click.option("--from", "source_language", default="en", show_default=True, help="Language of SOURCE.")
@click.option("--out", type=_FILE, help="File to write, or folder where SOURCE is one.  [required]")
@click.option("--format", default="", help="Format of SOURCE  [found out from its content].")
@click.option("--fields", callback=_names, default="", help="Places of the texts, for any rows: messages.*.content,a.b")
@click.option("--image-fields", callback=_names, default="", help="Places of image paths, where --fields is given.")
@click.option("--images", type=_FILE, help="Folder of the images; each row's are looked at.")
@click.option("--images-anywhere", is_flag=True, help="Take images that lie outside of that folder, too.")
@click.option(
    "--engine",
    default="apertium",
    show_default=True,
    help="apertium, ctranslate2:FOLDER, seq2seq:FOLDER-OR-NAME, causal:FOLDER-OR-NAME, openai:MODEL@URL, memory.",
)
@click.option(
    "--engine-option",
    "engine_options",
    callback=engine_options,
    multiple=True,
    help="beams=4, style=plain, extra_body={seed: 1}; may be given again.",
)
@click.option("--no-system", is_flag=True, help="The language model takes no system prompt: openai:…, causal:….")
@click.option("--fallback-engine", "fallback", default="", help="Asked for what the first engine can't do.")
@click.option("--glossary", type=_FILE, help="CSV file of terms: term,translation.")
@click.option("--phrasebook", type=_FILE, help="TOML file of sentences that are known, before those that ship.")
@click.option("--memory", "at", type=_FILE, help="Translation memory  [the one in the cache].")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many rows.")
@click.option("--strict", is_flag=True, help="Stop at the first bad row, instead of setting it apart.")
@click.option("--dry-run", is_flag=True, help="Say what there is to translate and what it would take; write nothing.")
@running
@LANGUAGES
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@rare_searches()
def translate(
    source: Path,
    out: Path | None,
    at: Path | None,
    dry_run: bool,
    runner: str,
    workers: int | None,
    address: str,
    as_json: bool,
    no_system: bool,
    **settings: Any,
) -> None:
    """Translate the data set SOURCE, in its own format: nothing lost, nothing broken, nothing paid for twice.

    Beside OUT stand OUT.rejects.jsonl, the rows that couldn't be kept whole with the reasons, and OUT.README.md, the
    card. Stopped anywhere, the same command goes on and writes the same bytes.
    """
    from passerelle.runs import cache_folder
    from passerelle.translation.dataset.job import Job

    if out is None and not dry_run:
        raise ConfigError("say where the translated data are to be written: --out FILE.")
    if no_system:
        settings["engine_options"] = {**settings["engine_options"], "system": False}
    job = Job(
        source=source,
        out=out or source.with_name(f"{source.name}.translated"),
        memory=at or cache_folder() / "translations.sqlite",
        **settings,
    )
    if dry_run:
        from passerelle.translation.dataset.survey import survey

        estimate = survey(job, start_seconds=time.process_time())  # the run itself has to start, too
        _print(estimate.as_dict(), as_json, _estimate_lines(estimate))
        return
    summary = _run(job, _open_runner(runner, workers, address))
    _print(summary.as_dict(), as_json, _summary_lines(summary))
    if summary.tally.rows and not summary.tally.written:
        reason, count = summary.tally.rejected.most_common(1)[0]
        raise InputError(
            f"none of {summary.tally.rows:,} rows could be written; {count:,} for {reason}. What was wrong with each "
            f"is in {summary.rejects!r}."
        )


def _open_runner(runner: str, workers: int | None, address: str) -> OpenRunner:
    if runner == "ray":
        from passerelle.translation.dataset.ray_runner import open_ray

        return partial(open_ray, workers=workers or ON_RAY, address=address)
    if address:
        raise ConfigError("--ray-address names a Ray cluster: give --runner ray too.")
    if workers is not None and workers > 1:
        from passerelle.translation.dataset.known_lines import open_with_workers

        return partial(open_with_workers, workers=workers)
    from passerelle.translation.dataset.local import open_local

    return open_local


def _run(job: Job, open_runner: OpenRunner) -> Summary:
    from passerelle.translation.dataset.run import translate as run

    shown = ShownProgress()
    try:
        return run(job, shown, open_runner)
    except KeyboardInterrupt:
        shown.close()
        click.echo(f"{shown.translated:,} texts translated by now are kept in {str(job.memory)!r}", err=True)
        raise
    finally:
        shown.close()


def _print(table: dict[str, Any], as_json: bool, lines: list[tuple[str, str]]) -> None:
    if as_json:
        print_json(table)
        return
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        click.echo(f"{name:{width}}  {value}")


def _summary_lines(summary: Summary) -> list[tuple[str, str]]:
    tally, needed = summary.tally, summary.needed
    lines = [
        ("rows", f"{tally.rows:,}: {tally.written:,} written, {tally.rejected.total():,} rejected"),
        *((f"  {reason}", f"{count:,}") for reason, count in sorted(tally.rejected.items())),
        ("texts", f"{tally.texts:,}, {tally.characters:,} characters, {tally.repaired:,} repaired"),
        ("segments", f"{tally.segments:,}, {needed.unique:,} different"),
        ("", f"{needed.from_memory:,} from memory, {needed.translated:,} translated"),
        ("seconds", f"{summary.seconds:,.1f}"),
        ("engine", summary.engine),
    ]
    if summary.fallback:
        lines.append(("fallback", summary.fallback))
    if summary.spent is not None:
        lines.append(("spent", str(summary.spent)))
    written = "unchanged" if summary.unchanged else "written"
    lines += [(written, summary.out), ("rejects", summary.rejects), ("card", summary.card)]
    for line in tally.frequent.most():
        lines += [(f"{line.times:,} times", line.text), ("", f"→ {line.translation}")]
    return lines


def _estimate_lines(estimate: Estimate) -> list[tuple[str, str]]:
    tally, needed = estimate.tally, estimate.needed
    unknown = needed.unique - needed.from_memory
    lines = [
        ("rows", f"{tally.rows:,}, {tally.rejected.total():,} of them bad"),
        *((f"  {reason}", f"{count:,}") for reason, count in sorted(tally.rejected.items())),
        ("texts", f"{tally.texts:,}, {tally.characters:,} characters"),
        ("segments", f"{tally.segments:,}, {needed.unique:,} different"),
        ("", f"{needed.from_memory:,} known, {unknown:,} to translate: {needed.characters_unknown:,} characters"),
        ("engine", estimate.engine),
    ]
    if estimate.seconds is not None:
        lines.append(("time", f"about {duration(estimate.seconds)}"))
    if estimate.spent is not None:
        lines.append(("cost", f"at most {estimate.spent}"))
    return lines
