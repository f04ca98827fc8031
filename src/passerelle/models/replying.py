"""Ask a model: greedy replies to conversations that end with the user's turn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from passerelle.costs.ledger import FlopMeter
from passerelle.formats.conversations import Conversation
from passerelle.models.conversing import Encoder
from passerelle.models.vision_cache import VisionFeatures


@torch.inference_mode()
def reply(
    encoder: Encoder,
    vision: VisionFeatures,
    asked: Sequence[Conversation],
    max_new_tokens: int,
    meter: FlopMeter | None = None,
) -> list[str]:
    """Answer conversations greedily, one after the other.

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
    stops = pretrained.bare.generation_config.eos_token_id
    pad = pretrained.tokenizer.pad_token_id
    answers = []
    for conversation in asked:
        inputs, images = encoder.prompt(conversation)
        inputs = {name: value.to(pretrained.device) for name, value in inputs.items()}
        more = {"mm_encoder_outputs": vision.outputs([images])} if images else {}
        generate = partial(
            pretrained.bare.generate,
            **inputs,
            **more,
            do_sample=False,
            max_new_tokens=max_new_tokens,
            pad_token_id=pad if pad is not None else pretrained.tokenizer.eos_token_id,
            eos_token_id=stops if stops is not None else pretrained.tokenizer.eos_token_id,
        )
        prompt = inputs["input_ids"].shape[1]
        made = meter.run(prompt + max_new_tokens // 2, generate) if meter else generate()
        said = made[0, prompt:]
        answers.append(pretrained.tokenizer.decode(said, skip_special_tokens=True).strip())
    return answers
