"""The base's pictures: those of its own that it may see, others that show nothing held out, and their features."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from experiments.base import art4apps, openclipart
from experiments.base.augment import WHITE, augment
from passerelle.errors import InputError
from passerelle.example import emoji, splits, tuxpaint
from passerelle.example.embedded import RECIPE
from passerelle.models.pretrained import PretrainedModel
from passerelle.pictures.opening import open_picture
from passerelle.progress import say
from passerelle.records import Picture
from passerelle.runs import cache_folder, content_hash, write_atomically

NEAR_DUPLICATE = 0.9
"""Cosine of mean features above which a training picture is taken for a held-out one."""
LEFT_OUT = "symbols/alphabets/english/outlined"
"""Outlined letters repeat the filled ones."""
_BATCH = 32


def own_pictures() -> list[Picture]:
    """Return stamps and emoji, in English."""
    drawn = cache_folder() / "pictures"
    return tuxpaint.read_pictures("en", drawn / "stamps") + emoji.read_pictures("en", drawn / "emoji")


def other_pictures() -> list[Picture]:
    """Return clip art and the pictures of pysiogame; not all of them can be read."""
    return openclipart.read_pictures() + art4apps.read_pictures()


def held_out_of(own: Sequence[Picture]) -> list[Picture]:
    """Return those of stamps and emoji that the base must never see."""
    return [p for p in own if splits.stored().get(p.id) != "train"]


def training_pictures(
    pretrained: PretrainedModel, own: Sequence[Picture], others: Sequence[Picture]
) -> tuple[list[Picture], Tensor]:
    """Return what is trained on of `own` and `others`, nothing of it like a held-out picture, and its features."""
    held_out = held_out_of(own)
    features = view_of(pretrained, [*own, *others], 0)
    mean = torch.nn.functional.normalize(features.float().mean(1), dim=1)
    row = {picture.id: index for index, picture in enumerate((*own, *others))}
    similarity = mean[[row[p.id] for p in others]] @ mean[[row[p.id] for p in held_out]].T
    alike = {}
    if similarity.numel():
        best, which = similarity.max(1)
        near = zip(others, best.tolist(), which.tolist(), strict=True)
        alike = {p.id: held_out[at].id for p, b, at in near if b > NEAR_DUPLICATE}
    conflicts = splits.held_out_conflicts(others, held_out, alike)
    say(f"{len(conflicts)} of {len(others)} other pictures left out: they show what is held out")
    unseen = {p.id for p in held_out}
    kept = [p for p in own if p.id not in unseen and not p.category.startswith(LEFT_OUT)]
    kept += [p for p in others if p.id not in conflicts]
    return kept, features[[row[p.id] for p in kept]]


def is_readable(picture: Picture) -> bool:
    """Whether a picture's file can be decoded."""
    try:
        open_picture(picture.path)
    except InputError:
        return False
    return True


def view_of(pretrained: PretrainedModel, pictures: Sequence[Picture], view: int) -> Tensor:
    """Return the features of a view of pictures [pictures, tokens, hidden] in bf16, computed once.

    Args:
        pretrained: The model.
        pictures: The pictures.
        view: 0: as they are, on white; others are changed, each in its own way.
    """
    files = [(p.id, p.path.stat().st_size) for p in pictures]
    key = content_hash([RECIPE, str(pretrained.bare.dtype), type(pretrained.bare).__name__, view, files])
    images = (_view(picture, view) for picture in pictures)
    say(f"features of view {view} of {len(pictures)} pictures")
    return _kept(
        cache_folder() / "base-features" / f"{key[:24]}.safetensors", lambda: tower_features(pretrained, images)
    )


def _view(picture: Picture, view: int) -> Any:
    from PIL import ImageOps

    image = open_picture(picture.path)
    if view:
        return augment(image, random.Random(f"{view}/{picture.id}"))
    return ImageOps.pad(image, (max(image.size),) * 2, color=WHITE)


def _kept(path: Path, make: Callable[[], Tensor]) -> Tensor:
    from safetensors import SafetensorError
    from safetensors.torch import load_file, save

    try:
        return load_file(path)["features"]
    except (OSError, SafetensorError, KeyError):
        features = make()
    write_atomically(path, save({"features": features}))
    return features


@torch.inference_mode()
def tower_features(pretrained: PretrainedModel, images: Iterator[Any]) -> Tensor:
    """Run the tower over RGB pictures; return what the projector is given of each, in bf16."""
    tower, process = pretrained.family.module(pretrained.bare, "tower"), pretrained.processor.image_processor
    found = []
    while batch := [image for _, image in zip(range(_BATCH), images, strict=False)]:
        pixels = process(batch, return_tensors="pt")["pixel_values"].to(pretrained.bare.dtype)
        found.append(tower(pixels).last_hidden_state.flatten(2).transpose(1, 2).to(torch.bfloat16))
    return torch.cat(found).contiguous().clone()
