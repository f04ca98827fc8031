"""``passerelle evaluate``: benchmarks in one language or several, for one model or several."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import click

from passerelle.commands.printing import print_json
from passerelle.commands.quality_options import CALIBRATION, FILE
from passerelle.evaluation.parsing.peers import RULES


@click.command()
@click.argument("models", nargs=-1)
@click.option(
    "--benchmark",
    "benchmarks",
    multiple=True,
    help="NAME=PATH, NAME:fr=PATH or PATH; {language} in a path; repeatable.",
)
@click.option("--language", "languages", default="en", show_default=True, help="Languages, separated by commas: fr,en.")
@click.option(
    "--method",
    type=click.Choice(["generate", "sum", "mean", "pmi", "pmi-mean"]),
    default="generate",
    show_default=True,
    help="How options are chosen: a generated letter or word, or the likelihood of each.",
)
@click.option("--predictions", multiple=True, help="[NAME=]FILE of answers that somebody else made; repeatable.")
@click.option("--images", type=FILE, help="Folder of the pictures  [that of the benchmark's file].")
@click.option("--images-anywhere", is_flag=True, help="Take pictures that lie outside of that folder, too.")
@click.option("--out", type=FILE, default=Path("evaluation"), show_default=True, help="Folder of answers and results.")
@click.option("--against", multiple=True, help="Compare the others with this model only; repeatable  [every pair].")
@click.option("--suspects", type=FILE, help="File of items whose translation is suspect.")
@click.option("--audit", is_flag=True, help="Find suspect items by the audit's estimate; needs en among the languages.")
@CALIBRATION
@click.option("--judge", help="Judge of chat answers: MODEL@https://HOST/v1; key in OPENAI_API_KEY.")
@click.option("--reader", default="", help="Model that reads what rules can't: llm:MODEL@https://HOST/v1.")
@click.option("--labels", type=FILE, help="People's labels of answers, of `passerelle review export`.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many questions of each benchmark.")
@click.option("--rules", type=click.Choice(RULES), help="Whose rules raw scores are by  [each benchmark's own].")
@click.option("--families", type=FILE, help="TOML with families of your own.")
@click.option("--languages", "folder", type=FILE, help="Folder of languages' files of your own, CODE.toml each.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads of torch  [as many as cores are free].")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def evaluate(
    models: tuple[str, ...],
    benchmarks: tuple[str, ...],
    languages: str,
    method: str,
    predictions: tuple[str, ...],
    images: Path | None,
    images_anywhere: bool,
    out: Path,
    against: tuple[str, ...],
    suspects: Path | None,
    audit: bool,
    calibration: Path | None,
    judge: str | None,
    reader: str,
    labels: Path | None,
    limit: int | None,
    rules: str | None,
    families: Path | None,
    folder: Path | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Ask MODELS benchmarks and score the answers, with intervals and comparisons; write report.html beside them.

    A model is `embedded`, the folder of a model or an adapter, its name on the Hugging Face Hub, or an arm of a
    comparison (runs/demo:lora-human); prompted: before it asks it to answer in the language, pipeline: translates
    by Apertium, pipeline{ENGINE}: or 'pipeline{into: ENGINE, back: ENGINE}:' by other engines; NAME= before all of it
    names it. Stopped anywhere, the same command goes on: no finished question is asked again.
    """
    from passerelle import machine
    from passerelle.evaluation.run import Audit, Judge, Options
    from passerelle.evaluation.run import evaluate as run
    from passerelle.evaluation.specification import parse_languages

    find: Audit | None = None
    if audit:
        from passerelle.quality.suspects import open_audit

        find = open_audit(parse_languages(languages), calibration)
    asked: Judge | None = None
    if judge:
        from passerelle.evaluation.asking.judging import open_judge

        asked = open_judge(judge, out)
    if models:
        from passerelle.progress import quiet

        quiet()
    options = Options(
        models, benchmarks, languages, method, predictions, images, out, suspects, against, limit,
        images_anywhere=images_anywhere, families=families, languages_folder=folder, reader=reader, labels=labels,
        rules=rules or "",
    )  # fmt: skip
    with machine.threads(threads) if models else nullcontext():
        results = run(options, find, asked)
    from passerelle.report.evaluated.page import write_evaluation_page

    page = write_evaluation_page(results, out, out / "report.html", keep=True)
    if as_json:
        print_json(results)
    else:
        from rich.console import Console

        from passerelle.report.evaluation_table import render_evaluation

        render_evaluation(results, Console())
    click.echo(f"answers: {out / 'answers.jsonl'}", err=True)
    click.echo(f"report: {page}", err=True)
