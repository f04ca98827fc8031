"""Whether a model's files are of one model: its sizes, its token ids, and a processor that is its tower's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passerelle.errors import InputError, PasserelleError, first_line

if TYPE_CHECKING:
    from passerelle.models.pretrained import PretrainedModel

_TOKEN_IDS = ("_token_id", "_token_index")
_WITH_IDS = ("config.json", "generation_config.json")
_SIZES = ((64, 64), (640, 320))
"""Width and height of the pictures that are tried: one that is made larger, one that some families cut into tiles."""
_TAKE = (
    "Take processor_config.json, preprocessor_config.json, the tokenizer's files and the chat template from the model "
    "that the weights come from."
)


def require_token_ids(folder: Path) -> None:
    """Make sure that the tokens that configurations name (bos, eos, pad, …) are whole numbers, of eos several.

    Raises:
        InputError: One isn't.
    """
    for file in _WITH_IDS:
        try:
            content = json.loads((folder / file).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # missing or broken: transformers says so
        for name, value in _token_ids(content):
            raise InputError(
                f"{name} in {str(folder / file)!r} is {value!r}, not the number of a token: write it as "
                "tokenizer_config.json and tokenizer.json have it, or null."
            )


def _token_ids(content: Any) -> Iterator[tuple[str, Any]]:
    """Yield the names and values of token ids, at any depth, that are none."""
    parts = content.items() if isinstance(content, dict) else ()
    for name, value in parts:
        if name.endswith(_TOKEN_IDS) and not _is_token_id(name, value):
            yield name, value
        yield from _token_ids(value)


def _is_token_id(name: str, value: Any) -> bool:
    several = value if isinstance(value, list) and name.endswith("eos_token_id") else [value]
    return value is None or all(isinstance(one, int) and not isinstance(one, bool) for one in several)


def without_weights(where: str, trust_remote_code: bool) -> Any:
    """Return a model as its configuration describes it, on torch's meta device: shapes without numbers."""
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    config = AutoConfig.from_pretrained(where, trust_remote_code=trust_remote_code)
    with torch.device("meta"):
        return AutoModelForImageTextToText.from_config(config, trust_remote_code=trust_remote_code)


def require_described_size(folder: Path, trust_remote_code: bool) -> None:
    """Make sure that a configuration doesn't describe a model far larger than its weights.

    Where a part of it is missing, transformers takes a default of billions of numbers and makes them up for minutes.

    Raises:
        InputError: It does.
    """
    from transformers import AutoConfig

    held = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    if not held:
        return  # on the Hub, or none: transformers says so
    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=trust_remote_code)
    if getattr(config, "quantization_config", None):
        return
    described = sum(value.numel() for value in without_weights(str(folder), trust_remote_code).parameters())
    if described > 2 * held:  # not even half a byte each
        raise InputError(
            f"{str(folder / 'config.json')!r} describes a model of {described:,} numbers, but its safetensors files "
            f"have {held:,} bytes: a part of it (text_config, vision_config) is missing or another model's, or the "
            "weights are cut short. Take all files from the same model."
        )


def require_own_processor(pretrained: PretrainedModel) -> None:
    """Make sure, with blank pictures, that a processor prepares pictures as the model's tower takes them.

    Raises:
        InputError: The chat template, the processor or the tower refuses them, or a picture has more or fewer tokens
            than features.
    """
    import torch
    from PIL import Image

    from passerelle.models.pixels import pictures_alone, taken_by_tower
    from passerelle.models.vision_cache import image_features

    with _said(f"the chat template of {pretrained.path!r} refuses a picture: {{}}. {_TAKE}"):
        text = pictures_alone(pretrained, pretrained.processor, 1)
    other = f"the processor in {pretrained.path!r} doesn't fit its own model: {{}}. {_TAKE}"
    for size in _SIZES:
        with _said(other), torch.no_grad():
            made = pretrained.processor(text=[text], images=[[Image.new("RGB", size)]], return_tensors="pt")
            outputs = image_features(pretrained, taken_by_tower(pretrained, made))
        tokens = int((made["input_ids"] == pretrained.image_token).sum())
        features = sum(value.shape[:-1].numel() for value in getattr(outputs, pretrained.family.output))
        if tokens == features or pretrained.family.detected:
            continue
        said = f"it makes {tokens} tokens of a picture, the model's tower {features}"
        raise InputError(other.format(said if tokens else "its chat template shows no mark of a picture"))


@contextmanager
def _said(message: str) -> Iterator[None]:
    """Say in a message what files that don't fit each other raise, which is anything."""
    import torch

    try:
        yield
    except (PasserelleError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise InputError(message.format(first_line(error).rstrip("."))) from error
