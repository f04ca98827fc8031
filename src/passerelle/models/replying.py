"""Ask a model: greedy replies to conversations that end with the user's turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from passerelle.costs.flops import FlopMeter
from passerelle.formats.conversations import Conversation
from passerelle.models.conversing import IGNORED, Encoded, Encoder
from passerelle.models.pretrained import PretrainedModel
from passerelle.models.running_batch import RunningBatch, can_run, filler_of, held_tokens, stops_of
from passerelle.models.shared_prefix import tree_batches
from passerelle.models.vision_cache import VisionFeatures

BATCH_TOKENS = 4096
"""Tokens of prompts and replies, padding included, whose keys and values are held at once."""


@dataclass(frozen=True)
class _Prompt:
    """What is asked, in tokens.

    Attributes:
        inputs: What `generate` takes for one row beside features.
        images: The picture files.
    """

    inputs: dict[str, Tensor]
    images: tuple[Path, ...]

    def __len__(self) -> int:
        return self.inputs["input_ids"].shape[1]

    def row(self) -> Encoded:
        """The same as a row whose last token alone is to be predicted."""
        tokens = {name: value[0] for name, value in self.inputs.items() if value.shape == self.shape}
        described = {name: value for name, value in self.inputs.items() if name not in tokens}
        labels = torch.full_like(tokens["input_ids"], IGNORED)
        labels[-1] = tokens["input_ids"][-1]
        return Encoded("", tokens, described, labels, self.images, "", "")

    @property
    def shape(self) -> torch.Size:
        """The shape of what has one value a token [1, tokens]."""
        return self.inputs["input_ids"].shape


@torch.inference_mode()
def reply(
    encoder: Encoder,
    vision: VisionFeatures,
    asked: Sequence[Conversation],
    max_new_tokens: int,
    meter: FlopMeter | None = None,
) -> list[str]:
    """Answer conversations greedily, those of like lengths at once.

    Args:
        encoder: The model's encoder.
        vision: Features of the pictures.
        asked: What is asked; each ends with the user's turn.
        max_new_tokens: Longest reply.
        meter: Counts tokens and operations.

    Raises:
        InputError: A picture can't be read.
    """
    pretrained = encoder.pretrained
    prompts = [_Prompt(*encoder.prompt(conversation)) for conversation in asked]
    longest = max(map(len, prompts), default=0) + max_new_tokens
    if len(prompts) > 1 and can_run(pretrained, longest):
        return _run(pretrained, vision, prompts, max_new_tokens, meter or FlopMeter())
    # How a family that isn't in the table takes padding on the left isn't known: it is asked one by one.
    most = 1 if pretrained.family.detected else BATCH_TOKENS
    answers: dict[int, str] = {}
    for part in _batches(prompts, max_new_tokens, most):
        chosen = [prompts[index] for index in part]
        generate = partial(_generate, pretrained, vision, chosen, max_new_tokens)
        tokens = sum(map(len, chosen)) + len(chosen) * (max_new_tokens // 2)
        said = meter.run(tokens, generate) if meter else generate()
        answers |= zip(part, (text.strip() for text in said), strict=True)
    return [answers[index] for index in range(len(asked))]


def _run(
    pretrained: PretrainedModel,
    vision: VisionFeatures,
    prompts: Sequence[_Prompt],
    max_new_tokens: int,
    meter: FlopMeter,
) -> list[str]:
    """Answer prompts in one batch that others come into as answers end."""
    rows = [prompt.row() for prompt in prompts]
    # Half of it is filled again and again: a batch shrinks as its answers end.
    enough = max(BATCH_TOKENS, held_tokens(pretrained)) // 2
    running = RunningBatch(pretrained, vision, max_new_tokens)
    answers: dict[int, list[int]] = {}

    def advance() -> None:
        answers.update(meter.measure(running.advance))

    for trees in tree_batches(pretrained, rows):
        part = [*chain(*trees)]
        places = iter(range(len(part)))
        groups = [[next(places) for _ in tree] for tree in trees]
        chosen = [rows[index] for index in part]
        meter.measure(lambda: (None, running.add(part, chosen, groups)))  # noqa: B023 - done before the next
        while running.tokens > enough:
            advance()
    while running.rows:
        advance()
    texts = pretrained.tokenizer.batch_decode([answers[index] for index in range(len(rows))], skip_special_tokens=True)
    return [text.strip() for text in texts]


def _batches(prompts: Sequence[_Prompt], more: int, most: int) -> Iterator[list[int]]:
    """Divide prompts, by their length, into batches of at most so many tokens; those without a picture apart."""
    part: list[int] = []
    for index in sorted(range(len(prompts)), key=lambda index: (bool(prompts[index].images), len(prompts[index]))):
        alike = part and bool(prompts[part[0]].images) == bool(prompts[index].images)
        if part and not (alike and (len(part) + 1) * (len(prompts[index]) + more) <= most):
            yield part
            part = []
        part.append(index)
    if part:
        yield part


def _generate(
    pretrained: PretrainedModel, vision: VisionFeatures, prompts: Sequence[_Prompt], max_new_tokens: int
) -> list[str]:
    inputs: dict[str, Any] = {name: value.to(pretrained.device) for name, value in _padded(prompts).items()}
    shown = [prompt.images for prompt in prompts if prompt.images]
    if shown:
        inputs["mm_encoder_outputs"] = vision.outputs(shown)
    made = pretrained.bare.generate(
        **inputs,
        do_sample=False,
        max_new_tokens=max_new_tokens,
        pad_token_id=filler_of(pretrained),
        eos_token_id=stops_of(pretrained) or None,
    )
    said = made[:, inputs["input_ids"].shape[1] :]
    texts: list[str] = pretrained.tokenizer.batch_decode(said, skip_special_tokens=True)
    return texts


def _padded(prompts: Sequence[_Prompt]) -> dict[str, Tensor]:
    """Return prompts as rows, padded on the left to one width; what describes their pictures in the rows' order."""
    width = max(map(len, prompts))
    names = {name: None for prompt in prompts for name in prompt.inputs}
    return {
        name: torch.cat([_row(prompt, name, width) for prompt in prompts if name in prompt.inputs]) for name in names
    }


def _row(prompt: _Prompt, name: str, width: int) -> Tensor:
    value = prompt.inputs[name]
    if value.shape != prompt.shape:
        return value
    # The row's own last token fills it up, unseen: of a padding token a penalty on repetitions would take note.
    fill = int(value[0, -1]) if name == "input_ids" else 0
    return pad(value, (width - len(prompt), 0), value=fill)
