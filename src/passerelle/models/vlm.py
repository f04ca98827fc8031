"""A vision-language model as Passerelle drives it: encode, score and generate from cached vision features."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from passerelle.errors import InputError
from passerelle.models.precision import best_dtype
from passerelle.models.prefix_tree import TEXT, TokenSequence, TreeBatch

HEAD_ROWS = 128
"""Nodes that the head is run on at a time: their logits stay in the processor's cache."""

Model = Any
"""A `FastVlmForConditionalGeneration`; transformers' classes are untyped."""


class VisionLanguageModel:
    """A model of the embedded base's kind with its processor.

    The tower is frozen and its features are computed once (`passerelle.models.features`), so the methods
    here take features [pictures, tokens, hidden] instead of pictures.

    Attributes:
        model: The `FastVlmForConditionalGeneration`, with adapters injected where a method did so.
        processor: Its processor: image processor, tokenizer, chat template.
        image_tokens: Tokens that one picture takes.
    """

    def __init__(self, model: Model, processor: Any) -> None:
        self.model = model
        self.processor = processor
        self.tokenizer = processor.tokenizer
        config = model.config
        self.image_token = int(config.image_token_id)
        self.end_token = int(self.tokenizer.eos_token_id)
        self.image_tokens = int(config.image_seq_length)
        self._prompt_tokens = lru_cache(maxsize=100_000)(self._encode_prompt)

    @classmethod
    def load(cls, folder: Path | str, dtype: torch.dtype | None = None) -> VisionLanguageModel:
        """Load a model that `save_pretrained` wrote, in the number type that this machine computes best by default."""
        from transformers import AutoModelForImageTextToText, AutoProcessor

        model = AutoModelForImageTextToText.from_pretrained(folder, dtype=dtype or best_dtype())
        if (model.config.vision_feature_layer, model.config.vision_feature_select_strategy) != (-1, "full"):
            raise InputError(
                f"{str(folder)!r} takes its vision features from layer {model.config.vision_feature_layer!r} by "
                f"{model.config.vision_feature_select_strategy!r}; only the last layer in full is supported so far."
            )
        return cls(model.eval(), AutoProcessor.from_pretrained(folder))

    @property
    def tower(self) -> Model:
        """The vision tower."""
        return self.model.model.vision_tower

    @property
    def projector(self) -> Model:
        """The projector from vision features to the language model's embeddings."""
        return self.model.model.multi_modal_projector

    @property
    def language_model(self) -> Model:
        """The language model without its head."""
        return self.model.model.language_model

    def _encode_prompt(self, prompt: str, pictured: bool) -> tuple[int, ...]:
        content = [{"type": "text", "text": prompt}]
        if pictured:
            content.append({"type": "image"})
        text = self.processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        text = text.replace(self.processor.image_token, self.processor.image_token * self.image_tokens)
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def encode(self, prompt: str, reply: str, picture: int = TEXT) -> TokenSequence:
        """Encode a prompt and its reply, which ends with the end-of-turn token.

        Args:
            prompt: What the user says; the picture comes after it.
            reply: What is to be scored or learnt.
            picture: Row of the picture's features; ``TEXT`` for none.
        """
        tokens = self.tokenizer(reply, add_special_tokens=False)["input_ids"]
        return TokenSequence(self._prompt_tokens(prompt, picture != TEXT), (*tokens, self.end_token), picture)

    def embed(self, batch: TreeBatch, features: Tensor) -> Tensor:
        """Return the input embeddings [trees, nodes, hidden], pictures put in."""
        embeddings: Tensor = self.language_model.embed_tokens(batch.tokens)
        if len(batch.image_rows):
            pictures, rows = torch.unique(batch.image_rows[:, 0], return_inverse=True)
            projected = self.projector(features[pictures].to(embeddings.dtype))
            flat = embeddings.flatten(0, 1)
            chosen = projected[rows, batch.image_rows[:, 1]]
            embeddings = flat.index_copy(0, batch.image_nodes, chosen).view_as(embeddings)
        return embeddings

    def target_logprobs(self, batch: TreeBatch, features: Tensor) -> Tensor:
        """Return the log-likelihood of each target token, in nats [targets]; the head runs only there."""
        hidden = self.language_model(
            inputs_embeds=self.embed(batch, features),
            attention_mask=batch.mask,
            position_ids=batch.positions,
            use_cache=False,
        ).last_hidden_state
        nodes, rows = torch.unique(batch.predictors, return_inverse=True)
        states = hidden.flatten(0, 1)[nodes]
        totals, chosen = [], []
        for start in range(0, len(nodes), HEAD_ROWS):
            logits = self.model.lm_head(states[start : start + HEAD_ROWS]).float()
            here = ((rows >= start) & (rows < start + HEAD_ROWS)).nonzero()[:, 0]
            totals.append(logits.logsumexp(1))
            chosen.append((here, logits[rows[here] - start, batch.targets[here]]))
        order = torch.cat([index for index, _ in chosen])
        picked = torch.cat([value for _, value in chosen])
        return torch.empty_like(picked).index_copy(0, order, picked) - torch.cat(totals)[rows]

    @torch.inference_mode()
    def generate(self, prompts: Sequence[str], features: Tensor | None, max_new_tokens: int) -> list[str]:
        """Answer prompts greedily, one picture each or none, in one batch.

        Args:
            prompts: The prompts.
            features: Vision features of their pictures [prompts, tokens, hidden]; ``None`` without pictures.
            max_new_tokens: Longest answer.
        """
        encoded = [self._prompt_tokens(prompt, features is not None) for prompt in prompts]
        width = max(map(len, encoded))
        ids = torch.full((len(encoded), width), self.end_token)
        mask = torch.zeros((len(encoded), width), dtype=torch.long)
        for row, tokens in enumerate(encoded):
            ids[row, width - len(tokens) :] = torch.tensor(tokens)
            mask[row, width - len(tokens) :] = 1
        embeddings = self.language_model.embed_tokens(ids)
        if features is not None:
            projected = self.projector(features.to(embeddings.dtype))
            embeddings[ids == self.image_token] = projected.flatten(0, 1)
        tokens = self.model.generate(
            inputs_embeds=embeddings,
            attention_mask=mask,
            do_sample=False,
            max_new_tokens=max_new_tokens,
            eos_token_id=self.end_token,
            pad_token_id=self.end_token,
        )
        return [text.strip() for text in self.tokenizer.batch_decode(tokens, skip_special_tokens=True)]
