"""The embedded base, trained from its packages and measured on what it never saw."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from passerelle.compare.answers import chunks
from passerelle.compare.data import read_pictures
from passerelle.compare.progress import Progress, say
from passerelle.compare.run import quiet
from passerelle.errors import InputError
from passerelle.evaluation.scores import score_arm
from passerelle.methods.answering import ModelAnswerer
from passerelle.methods.contrastive import start_projector
from passerelle.methods.training import Example, ParameterGroup, Schedule, train_stage
from passerelle.models import embedded
from passerelle.models.adapters import add_lora, lora_parameters, projector_parameters
from passerelle.models.features import FeatureCache, compute_features
from passerelle.models.vlm import VisionLanguageModel
from passerelle.records import Answer, Picture
from passerelle.runs import cache_folder, write_atomically
from passerelle.sources import art4apps, openclipart, splits
from passerelle.sources.augment import augment
from passerelle.sources.pictures import open_picture
from passerelle.sources.prompts import english
from passerelle.sources.questions import draw_items, render
from passerelle.sources.samples import make_samples

NEAR_DUPLICATE = 0.9
"""Cosine of mean features above which a training picture is taken for a held-out one."""
RANK = 16
PROJECTOR_RATE, ADAPTER_RATE = 1e-3, 4e-4
PROJECTOR_STAGE = Schedule(tokens=60_000, nodes_per_tree=96, trees_per_step=8)
JOINT_STAGE = Schedule(tokens=520_000, nodes_per_tree=96, trees_per_step=10)
LEFT_OUT = "symbols/alphabets/english/outlined"
"""Outlined letters repeat the filled ones."""


def own_pictures() -> list[Picture]:
    """Return stamps and emoji, in English."""
    return list(read_pictures("en").values())


def check(split: str, *, shuffled: bool = False, learnt: Path | None = None) -> list[dict[str, Any]]:
    """Measure the base on a split's English questions.

    Args:
        split: ``development`` or ``test``.
        shuffled: Show each question another picture, so that only the text can help.
        learnt: Learnt weights to measure; those that ship otherwise.

    Returns:
        Scores with intervals as plain dicts.
    """
    quiet()
    if learnt is not None and not learnt.is_file():
        raise InputError(f"no learnt weights at {str(learnt)!r}.")
    model = _with_learnt(learnt) if learnt else VisionLanguageModel.load(embedded.assemble())
    pictures = [p for p in own_pictures() if splits.stored().get(p.id) == split]
    with Progress("vision features", "picture") as progress:
        features = FeatureCache(model, cache_folder() / "features").get([p.path for p in pictures], progress)
    questions = [
        q
        for q in render(draw_items(pictures, ["en"]), {p.id: p.captions["en"] for p in pictures}, english())
        if q.options
    ]
    order = list(range(len(pictures)))
    if shuffled:
        random.Random(1).shuffle(order)
    answerer = ModelAnswerer(model, features, {p.id: order[row] for row, p in enumerate(pictures)})
    answers: dict[str, Answer] = {}
    parts = chunks(questions)
    with Progress("questions", "chunk") as progress:
        for index, part in enumerate(parts):
            answers |= {answer.question: answer for answer in answerer.answer(part)}
            progress(index + 1, len(parts))
    scores = score_arm(questions, [answers], rule="pmi", test="english", language="en")
    return [dataclasses.asdict(score) for score in scores]


def _with_learnt(learnt: Path) -> VisionLanguageModel:
    from safetensors.torch import load_file

    model, processor = embedded.join()
    embedded.apply_learnt(model, load_file(learnt))
    return VisionLanguageModel(model, processor)


def training_pictures(model: VisionLanguageModel) -> tuple[list[Picture], Tensor]:
    """Return the base's training pictures of all sources, none like a held-out one, and their features."""
    own = own_pictures()
    side = splits.stored()
    held_out = [p for p in own if side.get(p.id) != "train"]
    others = [p for p in openclipart.read_pictures() + art4apps.read_pictures() if _readable(p)]
    cache = FeatureCache(model, cache_folder() / "features")
    with Progress("vision features", "picture") as progress:
        features = cache.get([p.path for p in own + others], progress)
    mean = torch.nn.functional.normalize(features.float().mean(1), dim=1)
    row = {picture.id: index for index, picture in enumerate(own + others)}
    similarity = mean[[row[p.id] for p in others]] @ mean[[row[p.id] for p in held_out]].T
    best, which = similarity.max(1)
    duplicates = {p.id: held_out[int(w)].id for p, b, w in zip(others, best, which, strict=True) if b > NEAR_DUPLICATE}
    conflicts = splits.held_out_conflicts(others, held_out, duplicates)
    say(f"{len(conflicts)} of {len(others)} other pictures left out: they show what is held out")
    kept = [p for p in own if side.get(p.id) == "train" and not p.category.startswith(LEFT_OUT)]
    kept += [p for p in others if p.id not in conflicts]
    return kept, features[[row[p.id] for p in kept]]


def _readable(picture: Picture) -> bool:
    try:
        open_picture(picture.path)
    except InputError:
        return False
    return True


def _augmented(model: VisionLanguageModel, pictures: Sequence[Picture], view: int) -> Tensor:
    images = (augment(open_picture(p.path), random.Random(f"{view}/{p.id}")) for p in pictures)
    say(f"features of view {view} of {len(pictures)} pictures")
    return torch.stack(compute_features(model, images))


def build(out: Path, *, seed: int = 0) -> Path:
    """Train projector and adapter from the packages and write them to `out`.

    Three steps: a contrastive start of the projector, the projector through the frozen language model on
    captions, then projector and adapter together on captions and yes/no questions.

    Returns:
        `out`.
    """
    quiet()
    model = VisionLanguageModel(*embedded.join(seed))
    pictures, plain = training_pictures(model)
    features = torch.cat([plain, _augmented(model, pictures, 1)])
    captions = {p.id: p.captions["en"] for p in pictures}
    loss = start_projector(model, features, [captions[p.id].text for p in pictures], seed=seed)
    say(f"contrastive start: loss {loss:.3f}")

    def examples(schedule: Schedule, first_seed: int, yes_no: int) -> list[Example]:
        row = {picture.id: index for index, picture in enumerate(pictures)}
        found: list[Example] = []
        for epoch in range(12):
            drawn = random.Random(first_seed + epoch)
            samples = make_samples(pictures, captions, english(), yes_no=yes_no, seed=first_seed + epoch)
            drawn.shuffle(samples)
            for sample in samples:
                view = drawn.randrange(2) * len(pictures)
                picture = row[str(sample.picture)] + view
                found.append([model.encode(turn.prompt, turn.reply, picture) for turn in sample.turns])
            if sum(len(s) for example in found for s in example) > 2 * schedule.tokens:
                break
        return found

    checkpoints = cache_folder() / "base-build" / f"seed-{seed}"
    projector = ParameterGroup("projector", projector_parameters(model), PROJECTOR_RATE)
    with Progress("projector, captions", "step") as watch:
        train_stage(
            model, "projector", [projector], examples(PROJECTOR_STAGE, 100 + seed, 0), features, PROJECTOR_STAGE,
            checkpoint=checkpoints / "projector", watch=watch,
        )  # fmt: skip
    add_lora(model, rank=RANK, alpha=2 * RANK, seed=seed)
    groups = [
        ParameterGroup("projector", projector_parameters(model), PROJECTOR_RATE / 2),
        ParameterGroup("adapter", lora_parameters(model), ADAPTER_RATE),
    ]
    with Progress("projector and adapter, captions and yes/no", "step") as watch:
        train_stage(
            model, "joint", groups, examples(JOINT_STAGE, 200 + seed, 2), features, JOINT_STAGE,
            checkpoint=checkpoints / "joint", watch=watch,
        )  # fmt: skip
    write_atomically(out, learnt_file(model))
    return out


def learnt_file(model: VisionLanguageModel) -> bytes:
    """Return projector and adapter as the safetensors file that ships; the adapter's scale is folded into B."""
    from safetensors.torch import save

    tensors = {f"projector.{n}": p.detach().to(torch.bfloat16) for n, p in model.projector.named_parameters()}
    for name, module in model.model.named_modules():
        if hasattr(module, "lora_A"):
            down, up = module.lora_A["default"].weight, module.lora_B["default"].weight
            tensors[f"adapter.{name}.A"] = down.detach().to(torch.bfloat16)
            tensors[f"adapter.{name}.B"] = (up.detach().float() * module.scaling["default"]).to(torch.bfloat16)
    return save({key: value.contiguous() for key, value in tensors.items()})
