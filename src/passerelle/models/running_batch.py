"""Rows that are answered at once: what they begin with is computed once, those that have ended make room for others.

Prompts go through the model as prefix trees, as `passerelle.models.layouts` lays them out: a picture with several
questions, and an instruction that all share, are computed once. Each row then gets the keys and values of its own path,
and `generate` goes on from these until some rows have ended; they are taken out, and others can be put in
(continuous batching, as in Orca, OSDI 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from passerelle.models.conversing import Encoded
from passerelle.models.layouts import Groups, follows_trees, plant
from passerelle.models.pretrained import PretrainedModel
from passerelle.models.vision_cache import VisionFeatures

ENDED = 0.25
"""Rows are taken out once so large a share of them has ended."""
# What counts from where `generate` began, or looks at what fills a row up, and what means nothing.
_COUNTED: dict[str, tuple[Any, ...]] = {
    "num_beams": (1,),
    "min_length": (0,),
    "min_new_tokens": (0,),
    "no_repeat_ngram_size": (0,),
    "encoder_no_repeat_ngram_size": (0,),
    "encoder_repetition_penalty": (1.0,),
    "forced_bos_token_id": (),
    "forced_eos_token_id": (),
    "begin_suppress_tokens": (),
    "exponential_decay_length_penalty": (),
    "guidance_scale": (1.0,),
    "watermarking_config": (),
    "dola_layers": (),
    "prompt_lookup_num_tokens": (),
    "cache_implementation": (),
}


def can_run(pretrained: PretrainedModel, longest: int) -> bool:
    """Whether a model's rows of at most so many tokens can be answered in this way.

    Its attention must follow trees, places must be counted from the beginning (Qwen's are those of a picture's grid),
    and its generation settings must mean the same wherever `generate` begins.
    """
    settings = pretrained.bare.generation_config
    counted = (getattr(settings, name, None) not in (None, *neutral) for name, neutral in _COUNTED.items())
    in_a_grid = hasattr(pretrained.bare.base_model, "get_rope_index")
    return follows_trees(pretrained, longest) and not in_a_grid and not any(counted)


def held_tokens(pretrained: PretrainedModel) -> int:
    """Return of how many tokens a quarter of a GPU's free memory holds keys and values; 0 on a CPU."""
    device = pretrained.device
    if device.type != "cuda":
        return 0
    text = pretrained.bare.config.get_text_config()
    size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    token_bytes = 2 * text.num_hidden_layers * heads * size * pretrained.bare.dtype.itemsize
    return int(torch.cuda.mem_get_info(device)[0] / 4 / token_bytes)


def stops_of(pretrained: PretrainedModel) -> list[int]:
    """Return the tokens that end an answer; none where neither the model nor its tokenizer names one."""
    stops = pretrained.bare.generation_config.eos_token_id
    found = stops if stops is not None else pretrained.tokenizer.eos_token_id
    return [] if found is None else [int(token) for token in (found if isinstance(found, list | tuple) else [found])]


def filler_of(pretrained: PretrainedModel) -> int:
    """Return the token that stands behind answers that have ended."""
    fill = pretrained.tokenizer.pad_token_id
    return int(fill) if fill is not None else next(iter(stops_of(pretrained)), 0)


@dataclass
class RunningBatch:
    """Rows of one width, filled up on the left, with the keys and values of all their tokens but the last.

    Attributes:
        pretrained: The model.
        vision: Features of the pictures.
        most: Tokens of an answer, at most.
        rows: Whose rows they are.
        said: Tokens of each row's answer so far.
    """

    pretrained: PretrainedModel
    vision: VisionFeatures
    most: int
    rows: list[int] = field(default_factory=list)
    said: list[int] = field(default_factory=list)
    _ids: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.long))
    _mask: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.long))
    _states: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        """Tokens whose keys and values are held when all answers are as long as they may be, padding included."""
        return len(self.rows) * (self._ids.shape[1] + self.most)

    def add(self, owners: Sequence[int], rows: Sequence[Encoded], groups: Groups) -> int:
        """Compute prompts and put them in.

        Args:
            owners: Whose rows they are.
            rows: The prompts; what is to be predicted of each is its last token.
            groups: For each tree the rows that go into it, by their place among `rows`.

        Returns:
            How many tokens were computed.
        """
        from transformers import DynamicCache

        layout, paths = plant(self.pretrained, rows, groups)
        inputs = dict(layout.inputs)
        if layout.shown:
            inputs["mm_encoder_outputs"] = self.vision.outputs(layout.shown)
        cache = DynamicCache()
        self.pretrained.bare(**inputs, past_key_values=cache, use_cache=True, logits_to_keep=1)
        width = max(map(len, rows))
        ids, mask = [], []
        for row in rows:
            own, left = row.tokens["input_ids"], width - len(row)
            # The row's own last token fills it up, unseen: of another a penalty on repetitions would take note.
            ids.append(pad(own, (left, 0), value=int(own[-1])))
            mask.append(pad(torch.ones_like(own), (left, 0)))
        states = [(_along(layer.keys, paths, width), _along(layer.values, paths, width)) for layer in cache.layers]
        self._join(torch.stack(ids), torch.stack(mask), states)
        self.rows += owners
        self.said += [0] * len(rows)
        return layout.tokens

    def advance(self) -> tuple[dict[int, list[int]], int]:
        """Go on until some rows have ended, and take them out.

        Returns:
            The tokens of the answers that have ended, by owner, and how many tokens were computed.
        """
        from transformers import DynamicCache, StoppingCriteriaList

        cache = DynamicCache()
        for number, (keys, values) in enumerate(self._states):
            cache.update(keys, values, number)
        width, stops = self._ids.shape[1], stops_of(self.pretrained)
        made = self.pretrained.bare.generate(
            input_ids=self._ids,
            attention_mask=self._mask,
            past_key_values=cache,
            do_sample=False,
            max_new_tokens=self.most - max(self.said),
            pad_token_id=filler_of(self.pretrained),
            eos_token_id=stops or None,
            stopping_criteria=StoppingCriteriaList([_SomeEnded(width, stops)]),
        )
        steps = made.shape[1] - width
        computed = steps * len(self.rows)
        self._ids, self._mask = made, pad(self._mask, (0, steps), value=1)
        self._states = [(layer.keys, layer.values) for layer in cache.layers]
        self.said = [count + steps for count in self.said]
        ended = _has_stop(made[:, width:], stops).tolist()
        out = [stopped or count >= self.most for stopped, count in zip(ended, self.said, strict=True)]
        found = {
            owner: _up_to(made[place, -self.said[place] :].tolist(), stops)
            for place, owner in enumerate(self.rows)
            if out[place]
        }
        self._keep([place for place, gone in enumerate(out) if not gone])
        return found, computed

    def _keep(self, places: list[int]) -> None:
        """Keep these rows only, as narrow as they allow."""
        self.rows = [self.rows[place] for place in places]
        self.said = [self.said[place] for place in places]
        chosen = torch.tensor(places, dtype=torch.long, device=self._ids.device)
        ids, mask = self._ids[chosen], self._mask[chosen]
        left = int(mask.argmax(1).min()) if places else 0
        self._ids, self._mask = ids[:, left:], mask[:, left:]
        if len(places) == len(self._states[0][0]) and not left:
            return
        self._states = [(keys[chosen, :, left:], values[chosen, :, left:]) for keys, values in self._states]

    def _join(self, ids: Tensor, mask: Tensor, states: list[tuple[Tensor, Tensor]]) -> None:
        """Put rows behind those that are there; the narrower ones are filled up."""
        device = self.pretrained.device
        ids, mask = ids.to(device), mask.to(device)
        if not self.rows:
            self._ids, self._mask, self._states = ids, mask, states
            return
        width = max(ids.shape[1], self._ids.shape[1])
        before, behind = width - self._ids.shape[1], width - ids.shape[1]
        self._ids = torch.cat([_filled(self._ids, before), _filled(ids, behind)])
        self._mask = torch.cat([pad(self._mask, (before, 0)), pad(mask, (behind, 0))])
        self._states = [
            (_stacked(keys, before, more_keys, behind), _stacked(values, before, more_values, behind))
            for (keys, values), (more_keys, more_values) in zip(self._states, states, strict=True)
        ]


def _stacked(states: Tensor, before: int, more: Tensor, behind: int) -> Tensor:
    """Put keys or values [rows, heads, tokens, size] behind others, each filled up by so many tokens on the left."""
    return torch.cat([pad(states, (0, 0, before, 0)), pad(more, (0, 0, behind, 0))])


def _filled(ids: Tensor, left: int) -> Tensor:
    """Fill rows up on the left, each with its first token."""
    return torch.cat([ids[:, :1].expand(-1, left), ids], dim=1)


def _along(states: Tensor, paths: Sequence[tuple[int, Tensor]], width: int) -> Tensor:
    """Gather keys or values of trees [trees, heads, nodes, size] along paths, filled up on the left to width - 1."""
    rows = []
    for line, path in paths:
        own = path[: width - 1].to(states.device)
        rows.append(pad(states[line][:, own], (0, 0, width - 1 - len(own), 0)))
    return torch.stack(rows)


def _up_to(tokens: list[int], stops: Sequence[int]) -> list[int]:
    """Return tokens up to the first that ends an answer, which `generate` gives too."""
    return tokens[: next((place for place, token in enumerate(tokens) if token in stops), len(tokens)) + 1]


def _has_stop(ids: Tensor, stops: Sequence[int]) -> Tensor:
    """Return which rows hold a token that ends an answer [rows]."""
    return torch.isin(ids, torch.tensor(stops, dtype=torch.long, device=ids.device)).any(1)


class _SomeEnded:
    """Tells `generate` to stop once some rows have ended.

    Args:
        width: Where the answers' new tokens begin.
        stops: The tokens that end an answer.
    """

    def __init__(self, width: int, stops: Sequence[int]) -> None:
        self._width = width
        self._stops = stops

    def __call__(self, ids: Tensor, scores: Any, **given: Any) -> Tensor:
        """Return for each row whether to stop: for all or for none."""
        enough = _has_stop(ids[:, self._width :], self._stops).float().mean() >= ENDED
        return enough.expand(len(ids))
