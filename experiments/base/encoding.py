"""A prompt, a picture and a reply as tokens, without opening the picture: it takes as many whatever it shows."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from passerelle.models.conversing import IGNORED, Encoded
from passerelle.models.pretrained import PretrainedModel


class PairEncoder:
    """Encodes pairs of prompt and reply for a model of the embedded base's kind.

    Args:
        pretrained: The model.
    """

    def __init__(self, pretrained: PretrainedModel) -> None:
        self.pretrained = pretrained
        self.image_tokens = int(pretrained.bare.config.image_seq_length)
        self._prompt_tokens = cache(self._encode_prompt)

    def __call__(self, prompt: str, reply: str, picture: Path | None = None) -> Encoded:
        """Encode what the user says and the reply, which is learnt, with the end of the turn.

        Args:
            prompt: What the user says.
            reply: What is to be scored or learnt.
            picture: What the picture's features are found by.
        """
        tokenizer = self.pretrained.tokenizer
        said = [*tokenizer(reply, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        before = self._prompt_tokens(prompt, picture is not None)
        ids, labels = torch.tensor([*before, *said]), torch.tensor([*[IGNORED] * len(before), *said])
        images = () if picture is None else (picture,)
        return Encoded("", {"input_ids": ids}, {}, labels, images, "en", "native")

    def _encode_prompt(self, prompt: str, pictured: bool) -> tuple[int, ...]:
        processor = self.pretrained.processor
        content = [{"type": "text", "text": prompt}, *([{"type": "image"}] if pictured else [])]
        turn = [{"role": "user", "content": content}]
        text = processor.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
        text = text.replace(processor.image_token, processor.image_token * self.image_tokens)
        return tuple(self.pretrained.tokenizer(text, add_special_tokens=False)["input_ids"])
