"""Measure the embedded base on English questions about pictures and concepts that it never saw.

python -m experiments.base.check --split test
"""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Any

import click

from passerelle.errors import InputError, PasserelleError
from passerelle.evaluation.run import Options, evaluate
from passerelle.evaluation.specification import Planned, Source
from passerelle.example import embedded
from passerelle.example.files import example_folder, resolve
from passerelle.models.names import EMBEDDED
from passerelle.progress import quiet

TESTS = (("choice", "scienceqa", "choice-en.json", "pmi"), ("yes-no", "pope", "yes-no-en.jsonl", "sum"))
"""Name of each test, its benchmark, its file, and how options are chosen."""
PREFIX = {"test": "", "development": "development-"}
TARGET = "fr"
"""English questions are about the pictures that have a caption in this language too."""


def check(
    split: str, *, shuffled: bool = False, learnt: Path | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    """Measure the base on a split's English questions.

    Args:
        split: ``development`` or ``test``.
        shuffled: Show each question another picture, so that only the text can help.
        learnt: Learnt weights to measure; those that ship otherwise.
        limit: Ask about so many pictures only.

    Returns:
        Figures with intervals, as `passerelle evaluate` has them.

    Raises:
        InputError: There are no such weights.
    """
    quiet()
    if learnt is not None and not learnt.is_file():
        raise InputError(f"no learnt weights at {str(learnt)!r}.")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = EMBEDDED if learnt is None else str(_with_learnt(learnt, folder / "base"))
        plans = []
        for name, benchmark, file, rule in TESTS:
            path = resolve(PREFIX[split] + file, TARGET)
            source = Source(benchmark, (str(_shuffled(path, folder) if shuffled else path),), "en")
            plans.append(Planned((source,), rule, name, example_folder(), pictures=limit))
        options = Options((f"base={model}",), planned=tuple(plans), out=folder / "evaluation")
        return [figure for figure in evaluate(options)["figures"] if figure["metric"] in ("accuracy", "auc")]


def _with_learnt(learnt: Path, folder: Path) -> Path:
    from safetensors.torch import load_file

    model, processor = embedded.join()
    embedded.apply_learnt(model, load_file(learnt))
    embedded.save(model, processor, folder)
    return folder


def _shuffled(path: Path, folder: Path) -> Path:
    """Write a test in which every picture stands for another one."""
    text = path.read_text(encoding="utf-8")
    content = [json.loads(line) for line in text.split("\n") if line] if path.suffix == ".jsonl" else json.loads(text)
    rows = content if isinstance(content, list) else list(content.values())
    pictures = list(dict.fromkeys(row["image"] for row in rows))
    others = random.Random(1).sample(pictures, len(pictures))
    instead = dict(zip(pictures, others, strict=True))
    for row in rows:
        row["image"] = instead[row["image"]]
    lines = "\n".join(json.dumps(row) for row in rows)
    (folder / path.name).write_text(lines if path.suffix == ".jsonl" else json.dumps(content), encoding="utf-8")
    return folder / path.name


@click.command()
@click.option("--split", type=click.Choice(["development", "test"]), default="test", show_default=True)
@click.option("--shuffled", is_flag=True, help="Give each question another picture: scores must fall to chance.")
@click.option("--learnt", type=click.Path(path_type=Path), help="Learnt weights to measure [those that ship].")
@click.option("--limit", type=click.IntRange(1), help="Ask about so many pictures only.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def main(split: str, shuffled: bool, learnt: Path | None, limit: int | None, as_json: bool) -> None:
    """Measure the base on English questions about pictures and concepts that it never saw."""
    try:
        figures = check(split, shuffled=shuffled, learnt=learnt, limit=limit)
    except PasserelleError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(figures, ensure_ascii=False, indent=2))
        return
    for figure in figures:
        name = f"{figure['benchmark']} {figure['metric']}" + (f": {figure['subtask']}" if figure["subtask"] else "")
        interval = f"{figure['value']:5.1f} [{figure['low']:.1f}, {figure['high']:.1f}]"
        click.echo(f"{name:24} {interval}  {figure['units']} questions")


if __name__ == "__main__":
    main()
