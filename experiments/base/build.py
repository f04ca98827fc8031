"""Train the embedded base's projector and adapter from its packages.

    python -m experiments.base.build --out learnt.safetensors

Pictures are aligned to the embeddings of their captions; the language model learns to read such embeddings
from pictures that their aligner never saw and from names of things that have no picture.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

import click
import torch
from torch import Tensor

from experiments.base import wordnet
from experiments.base.alignment import cross_fit, fit_aligner, imagine, join, start_reader
from experiments.base.encoding import PairEncoder
from experiments.base.matching import matching_loss
from experiments.base.pictures import (
    held_out_of,
    is_readable,
    other_pictures,
    own_pictures,
    training_pictures,
    view_of,
)
from experiments.base.sampling import YES_NO, Sampler
from experiments.base.trees import AlignedFeatures, Example, Objective, Schedule, mean_loss, train_stage
from passerelle.adaptation.optimizer import ParameterGroup
from passerelle.adaptation.settings import PartSettings, StageSettings
from passerelle.adaptation.stages import attach
from passerelle.errors import PasserelleError
from passerelle.example import embedded, splits
from passerelle.models.families import family_of
from passerelle.models.precision import best_dtype
from passerelle.models.pretrained import PretrainedModel
from passerelle.progress import Progress, quiet, say
from passerelle.quality.evidence.sentences import SentenceEncoder
from passerelle.records import Picture
from passerelle.runs import cache_folder, content_hash, write_atomically

RANK = 16
VIEWS = 2
"""Views of each picture: plain, and changed."""
MATCHING_STAGE = Schedule(tokens=240_000, nodes_per_tree=128)
JUDGING_STAGE = Schedule(tokens=420_000, nodes_per_tree=112)
_TOKENS_PER_PICTURE = 60
"""Of a stage that is limited."""


@dataclasses.dataclass(frozen=True)
class Lesson:
    """What the language model learns from.

    Attributes:
        sampler: Draws examples.
        rows: Aligned features, the pictures' view by view, then the words' [rows, tokens, width].
        graded: The same with words that err by different shares, for judging.
        reader: A layer that takes them to the language model's inputs, as it begins.
    """

    sampler: Sampler
    rows: Tensor
    graded: Tensor
    reader: torch.nn.Linear


def build(out: Path, *, seed: int = 0, limit: int | None = None) -> Path:
    """Train projector and adapter and write them to `out`.

    Args:
        out: The file.
        seed: Seeds initial weights, views and order.
        limit: Learn from about so many pictures of each kind and so many words only, in short stages: to see that it
            runs.

    Returns:
        `out`.
    """
    quiet()
    pretrained = as_pretrained(*embedded.join(seed))
    own, others = _thin(own_pictures(), limit), _thin(other_pictures(), limit)
    others = [picture for picture in others if is_readable(picture)]
    pictures, plain = training_pictures(pretrained, own, others)
    features = torch.cat([plain, *(view_of(pretrained, pictures, view) for view in range(1, VIEWS))])
    words = _words(own, limit)
    say(f"{len(pictures)} pictures in {VIEWS} views, {len(words)} words")
    targets = SentenceEncoder()([p.captions["en"].text for p in pictures + words])
    said = targets[: len(pictures)]

    projector = pretrained.family.module(pretrained.bare, "projector")
    aligner = fit_aligner(features, said, projector.linear_1.out_features, seed=seed, steps=limit)
    lesson = _lesson(pretrained, pictures, words, features, targets, seed, limit)
    schedules = [_shortened(stage, limit) for stage in (MATCHING_STAGE, JUDGING_STAGE)]
    key = content_hash(
        [seed, RANK, *map(dataclasses.asdict, schedules), VIEWS, YES_NO, [p.id for p in pictures + words]]
    )
    checkpoints = cache_folder() / "base-build" / key[:12]
    _train(pretrained, lesson, schedules, seed, checkpoints)
    join(aligner, lesson.reader, projector)
    write_atomically(out, learnt_file(pretrained))
    shutil.rmtree(checkpoints, ignore_errors=True)
    return out


def as_pretrained(model: torch.nn.Module, processor: object) -> PretrainedModel:
    """Return a model that was joined, in the number type that this machine computes fastest."""
    return PretrainedModel(model.to(best_dtype()).eval(), processor, family_of(model), "joined")


def _thin(pictures: list[Picture], limit: int | None) -> list[Picture]:
    return pictures[:: max(1, len(pictures) // limit)] if limit else pictures


def _words(own: Sequence[Picture], limit: int | None) -> list[Picture]:
    words = wordnet.read_words()
    conflicts = splits.held_out_conflicts(words, held_out_of(own), {})
    return _thin([word for word in words if word.id not in conflicts], limit)


def _shortened(schedule: Schedule, limit: int | None) -> Schedule:
    tokens = schedule.tokens if limit is None else min(schedule.tokens, _TOKENS_PER_PICTURE * limit)
    return dataclasses.replace(schedule, tokens=tokens)


def _lesson(
    pretrained: PretrainedModel,
    pictures: list[Picture],
    words: list[Picture],
    features: Tensor,
    targets: Tensor,
    seed: int,
    steps: int | None,
) -> Lesson:
    """Return aligned features of pictures and words, and a reader that begins by likeness of texts.

    Args:
        pretrained: The model.
        pictures: The pictures.
        words: The words.
        features: The pictures' vision features, view by view [views × pictures, tokens, hidden].
        targets: Embeddings of the captions of both [pictures + words, width].
        seed: Seeds folds, aligners and errors.
        steps: How long each aligner is fitted; as long as the recipe says if none.
    """
    said, named = targets[: len(pictures)], targets[len(pictures) :]
    middle = pretrained.family.module(pretrained.bare, "projector").linear_1.out_features
    aligned = cross_fit(features, said, [p.concept for p in pictures], middle, seed=seed, steps=steps)
    say(f"aligned: held-out pictures lie at a cosine of {_likeness(aligned, said):.2f} to their captions")
    rows, graded = (
        torch.cat([aligned, imagine(named, aligned, said, seed=seed, graded=graded)]).to(torch.bfloat16)
        for graded in (False, True)
    )
    table = pretrained.bare.get_input_embeddings().weight.detach().float()[: pretrained.image_token]
    inputs = torch.stack([_mean_input(pretrained, table, p.captions["en"].text) for p in pictures + words])
    reader = start_reader(targets, inputs, table).to(pretrained.bare.dtype)
    return Lesson(Sampler(PairEncoder(pretrained), pictures, words, VIEWS), rows, graded, reader)


def _likeness(aligned: Tensor, said: Tensor) -> float:
    mean = torch.nn.functional.normalize(aligned.mean(1), dim=1)
    return float((mean * said.repeat(len(mean) // len(said), 1)).sum(1).mean())


def _mean_input(pretrained: PretrainedModel, table: Tensor, text: str) -> Tensor:
    ids = pretrained.tokenizer(f" {text.strip(' .').lower()}", add_special_tokens=False)["input_ids"]
    return table[ids].mean(0)


def _train(
    pretrained: PretrainedModel, lesson: Lesson, schedules: Sequence[Schedule], seed: int, checkpoints: Path
) -> None:
    """Teach the language model to read aligned features, by a reader and an adapter: matching, then judging.

    Args:
        pretrained: The model; its adapter stays in it.
        lesson: What it learns from; its reader is changed.
        schedules: Of the two stages.
        seed: Seeds adapter, questions and order.
        checkpoints: Folder to save to and to go on from.
    """
    adapter = PartSettings(how="lora", rank=RANK, alpha=2 * RANK, learning_rate=4e-4)
    (language,) = attach(pretrained, StageSettings(name="reading", train={"language": adapter}), seed)
    parameters = {f"reader.{name}": value for name, value in lesson.reader.named_parameters()}

    def stage(
        name: str, rate: float, schedule: Schedule, examples: list[Example], rows: Tensor, objective: Objective
    ) -> None:
        groups = [ParameterGroup("reader", parameters, rate), language]
        vision = AlignedFeatures(rows, lesson.reader)
        with Progress(name, "step") as watch:
            train_stage(
                pretrained, name, groups, examples, vision, schedule,
                checkpoint=checkpoints / name, objective=objective, watch=watch,
            )  # fmt: skip

    matching, judging = schedules
    groups = lesson.sampler.groups(2 * matching.tokens, 100 + seed)
    stage("matching", 1e-3, matching, groups, lesson.rows, matching_loss)
    turns = lesson.sampler.turns(2 * judging.tokens, 200 + seed)
    stage("judging", 5e-4, judging, turns, lesson.graded, mean_loss)


def learnt_file(pretrained: PretrainedModel) -> bytes:
    """Return projector and adapter as the safetensors file that ships; the adapter's scale is folded into B."""
    from safetensors.torch import save

    projector = pretrained.family.module(pretrained.bare, "projector")
    tensors = {f"projector.{n}": p.detach().to(torch.bfloat16) for n, p in projector.named_parameters()}
    for name, module in pretrained.bare.named_modules():
        if hasattr(module, "lora_A"):
            down, up = module.lora_A["default"].weight, module.lora_B["default"].weight
            tensors[f"adapter.{name}.A"] = down.detach().to(torch.bfloat16)
            tensors[f"adapter.{name}.B"] = (up.detach().float() * module.scaling["default"]).to(torch.bfloat16)
    return save({key: value.contiguous() for key, value in tensors.items()})


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("learnt.safetensors"), show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Seeds initial weights, views and order.")
@click.option("--limit", type=click.IntRange(20), help="About so many pictures of each kind only, to see that it runs.")
def main(out: Path, seed: int, limit: int | None) -> None:
    """Train the base's projector and adapter again from the packages (most of an hour on two cores).

    Needs more data and weights than the rest: bash scripts/setup.sh base
    """
    try:
        click.echo(build(out, seed=seed, limit=limit))
    except PasserelleError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
