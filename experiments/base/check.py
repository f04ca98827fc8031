"""Measure the embedded base on English questions about pictures and concepts that it never saw.

python -m experiments.base.check --split test
"""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import torch

from experiments.base.build import as_pretrained
from experiments.base.encoding import PairEncoder
from experiments.base.pictures import own_pictures
from passerelle.errors import InputError, PasserelleError
from passerelle.evaluation.statistics.scores import score_arm
from passerelle.example import embedded, splits
from passerelle.example.questions import draw_items, render
from passerelle.languages.prompts import english
from passerelle.models.batches import target_logprobs
from passerelle.models.conversing import Encoded
from passerelle.models.names import EMBEDDED
from passerelle.models.pretrained import PretrainedModel, load_pretrained
from passerelle.models.vision_cache import VisionFeatures
from passerelle.progress import Progress, quiet
from passerelle.records import CHOICE_KINDS, Answer, Picture, Question
from passerelle.runs import cache_folder

_BATCH = 64


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
        Scores with intervals as plain dicts.

    Raises:
        InputError: There are no such weights.
    """
    quiet()
    if learnt is not None and not learnt.is_file():
        raise InputError(f"no learnt weights at {str(learnt)!r}.")
    pretrained = _with_learnt(learnt) if learnt else load_pretrained(EMBEDDED)
    pictures = [p for p in own_pictures() if splits.stored().get(p.id) == split][:limit]
    questions = _questions(pictures)
    paths = [p.path for p in pictures]
    if shuffled:
        random.Random(1).shuffle(paths)
    answers = Answering(pretrained, {p.id: path for p, path in zip(pictures, paths, strict=True)}).answer(questions)
    scores = score_arm(questions, [answers], rule="pmi", test="english", language="en")
    return [dataclasses.asdict(score) for score in scores]


def _questions(pictures: Sequence[Picture]) -> list[Question]:
    captions = {p.id: p.captions["en"] for p in pictures}
    return [q for q in render(draw_items(pictures, ["en"]), captions, english()) if q.options]


def _with_learnt(learnt: Path) -> PretrainedModel:
    from safetensors.torch import load_file

    model, processor = embedded.join()
    embedded.apply_learnt(model, load_file(learnt))
    return as_pretrained(model, processor)


@dataclasses.dataclass
class Answering:
    """Scores options by their likelihood with and without the picture.

    Attributes:
        pretrained: The model.
        shown: The file that stands for each picture, by its id.
    """

    pretrained: PretrainedModel
    shown: Mapping[str, Path]

    @torch.inference_mode()
    def answer(self, questions: Sequence[Question]) -> dict[str, Answer]:
        """Answer questions with options; return the answers by the questions' ids."""
        encode = PairEncoder(self.pretrained)
        vision = VisionFeatures(self.pretrained, cache_folder() / "vision")
        with Progress("vision features", "picture") as watch:
            vision.prepare([[path] for path in self.shown.values()], watch)
        rows = [encode(q.prompt, option, self.shown[q.picture]) for q in questions for option in q.options]
        chosen = [q for q in questions if q.kind in CHOICE_KINDS]
        blind = {(q.prompt, option): encode(q.prompt, option) for q in chosen for option in q.options}
        seen = iter(zip(self._score("questions", rows, vision), rows, strict=True))
        priors = dict(zip(blind, self._score("without pictures", list(blind.values()), vision), strict=True))
        answers = {}
        for q in questions:
            found = [next(seen) for _ in q.options]
            logprobs, tokens = tuple(value for value, _ in found), tuple(row.targets for _, row in found)
            before = tuple(priors[q.prompt, option] for option in q.options) if q.kind in CHOICE_KINDS else ()
            answers[q.id] = Answer(q.id, logprobs=logprobs, priors=before, tokens=tokens)
        return answers

    def _score(self, title: str, rows: Sequence[Encoded], vision: VisionFeatures) -> list[float]:
        totals: list[float] = []
        with Progress(title, "row") as watch:
            for start in range(0, len(rows), _BATCH):
                part = rows[start : start + _BATCH]
                found = torch.split(target_logprobs(self.pretrained, vision, part), [row.targets for row in part])
                totals += [float(values.sum()) for values in found]
                watch(len(totals), len(rows))
        return totals


@click.command()
@click.option("--split", type=click.Choice(["development", "test"]), default="test", show_default=True)
@click.option("--shuffled", is_flag=True, help="Give each question another picture: scores must fall to chance.")
@click.option("--learnt", type=click.Path(path_type=Path), help="Learnt weights to measure [those that ship].")
@click.option("--limit", type=click.IntRange(1), help="Ask about so many pictures only.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
def main(split: str, shuffled: bool, learnt: Path | None, limit: int | None, as_json: bool) -> None:
    """Measure the base on English questions about pictures and concepts that it never saw."""
    try:
        scores = check(split, shuffled=shuffled, learnt=learnt, limit=limit)
    except PasserelleError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(scores, ensure_ascii=False, indent=2))
        return
    for score in scores:
        interval = f"{score['value']:5.1f} [{score['low']:.1f}, {score['high']:.1f}]"
        click.echo(f"{score['source']:7} {score['metric']:16} {interval}  {score['items']} questions")


if __name__ == "__main__":
    main()
