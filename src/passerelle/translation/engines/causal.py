"""Translation by any language model of transformers, in this process, in the words that it wants."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passerelle.errors import ConfigError, first_line
from passerelle.languages.codes import language
from passerelle.models.loading import errors_of_model, load_whole
from passerelle.progress import quiet
from passerelle.translation.base import Lost
from passerelle.translation.engines.inner_texts import answer_by_length, answer_limit, translate_inner
from passerelle.translation.engines.local_models import chosen_device, find_model, number_type, signature_of
from passerelle.translation.prompting.numbered import numbered_texts, read_numbered
from passerelle.translation.prompting.replies import LostTexts, judge
from passerelle.translation.prompting.styles import (
    AUTO,
    Message,
    open_style,
    said_in,
    style_names,
    style_of_model,
)

_log = logging.getLogger(__name__)
_EXAMPLE = "Qwen/Qwen3-4B-Instruct-2507"
_POSITIONS = 4096
"""Tokens that a model is taken to hold where its configuration doesn't say."""
_PROBE = "Xzq7"


@dataclass(frozen=True)
class _Way:
    """How a model's chat template takes what a style says.

    Attributes:
        system: Whether a system prompt stands by itself.
        typed: Whether contents are lists of typed parts.
    """

    system: bool
    typed: bool


class CausalTranslator:
    """Translates with an ``AutoModelForCausalLM``, or with the language model of an image-text-to-text one.

    Decoding is greedy, whatever the model's own settings for sampling are. A reply may have about twice as many tokens
    as its text; that limit hangs on the text alone, so that a text's batch doesn't change its translation. (In bfloat16
    it still can, by rounding.) What `judge` finds no translation is asked for once more, in stricter words.

    Attributes:
        source: BCP-47 code of the source language.
        target: BCP-47 code of the target language.
        signature: Version, the model's name and digest or commit, number type, device, style and its hash.
        gains_by_large_batches: Tells a `MemorizedTranslator` that many texts at once are faster.
    """

    gains_by_large_batches = True

    def __init__(
        self,
        model: str | Path,
        source: str,
        target: str,
        *,
        style: str = AUTO,
        system: bool = True,
        batch_tokens: int = 4096,
        dtype: str = "auto",
        device: str = "auto",
    ) -> None:
        """Load the model; code that comes with it is never run.

        Args:
            model: A folder, or a name on the model hub.
            source: Any code or name of the source language.
            target: The same of the target language.
            style: The prompt style: one of `style_names`, a TOML file of one's own, or ``auto``, which takes the one
                that the model's chat template or name tells, else ``plain``.
            system: Whether the model gets a system prompt; one whose chat template refuses it gets none anyway.
            batch_tokens: Most tokens of prompts at once, padding included.
            dtype: One of `NUMBER_TYPES`; ``auto`` is bfloat16 on a GPU that can, else float32.
            device: ``cpu``, ``cuda`` or ``auto``.

        Raises:
            ConfigError: No such style, or the model's chat template refuses it.
            InputError: The model can't be loaded.
            MissingDependency: A package is missing, or there is no such model.
        """
        self.source, self.target = language(source).bcp47, language(target).bcp47
        named = open_style(style, self.source, self.target) if style != AUTO else None  # before weights are read
        device = chosen_device(device)
        self._model, self._tokenizer = _load(str(model), device, number_type(dtype, device))
        self._template = str(self._tokenizer.chat_template or "")
        usual = style_of_model(self._template, Path(model).expanduser().resolve().name)
        self._style = named or open_style(usual, self.source, self.target)
        self._names = (self._style.names["source"], self._style.names["target"])
        self._way = self._tried_way(system)
        self._stops = _stops(self._model, self._tokenizer)
        _decode_greedily(self._model, self._stops, self._tokenizer.pad_token_id)
        self._batch_tokens = batch_tokens
        self._around = max(len(self._prompt("", again=again)) for again in (False, True))
        self._longest = _longest(self._model, self._around)
        self._lost = LostTexts()
        self.signature = f"causal {signature_of(self._model, str(model))} style {self._style.name} {self._style.digest}"
        self.signature += "" if self._template else " no template"
        self.signature += " no system" if self._template and self._style.system and not self._way.system else ""

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate each text by itself.

        Args:
            texts: Texts, best of one sentence each.

        Returns:
            One translation for each text, in the same order; empty for a text that is too long for the model, or to
            which it gives no translation.
        """
        return translate_inner(texts, self._ask)

    def why_lost(self, text: str) -> Lost | None:
        """Return why a text came back empty."""
        return self._lost.find(text)

    def _ask(self, texts: list[str]) -> list[str]:
        found = dict(zip(texts, self._round(texts, again=False), strict=True))
        left = [text for text, translation in found.items() if not translation and self._asks_again(text)]
        if left:
            _log.info("%d texts are asked for again, in stricter words", len(left))
            found.update(zip(left, self._round(left, again=True), strict=True))
        return [found[text] for text in texts]

    def _asks_again(self, text: str) -> bool:
        return self._style.again is not None and self._lost.find(text) is not None

    def _round(self, texts: list[str], *, again: bool) -> list[str]:
        """Ask for each text once; those that are too long aren't asked for."""
        prompts = [self._prompt(text, again=again) for text in texts]
        lengths = [len(self._tokens(self._said(text))) for text in texts]

        def generate(rows: list[int], _: int) -> list[str]:
            limit = answer_limit(lengths[rows[0]])  # all of a batch have the same
            replies = self._generate([prompts[row] for row in rows], limit)
            return [self._judge(texts[row], *reply) for row, reply in zip(rows, replies, strict=True)]

        return answer_by_length(lengths, self._longest, self._batch_tokens, generate, self._around)

    def _judge(self, text: str, reply: str, cut_off: bool) -> str:
        if self._style.numbered and not cut_off:
            said, fault = read_numbered(reply, 1)
            if said is None:
                self._lost.add(text, Lost("not-translated", fault))
                return ""
            reply = said[0]
        judged = judge(text, reply, self._names, cut_off=cut_off)
        if judged.lost is not None:
            self._lost.add(text, judged.lost)
        return judged.translation

    def _generate(self, prompts: list[list[int]], limit: int) -> list[tuple[str, bool]]:
        """Return a reply to each prompt and whether it was cut off; `limit` is the most tokens of one."""
        import torch

        widest = max(map(len, prompts))
        rows = [[self._stops[0] if self._stops else 0] * (widest - len(prompt)) + prompt for prompt in prompts]
        masks = [[0] * (widest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        with torch.inference_mode():
            made = self._model.generate(
                input_ids=torch.tensor(rows, device=self._model.device),
                attention_mask=torch.tensor(masks, device=self._model.device),
                max_new_tokens=limit,
            )
        return [self._reply(row) for row in made[:, widest:].tolist()]

    def _reply(self, row: list[int]) -> tuple[str, bool]:
        end = next((place for place, token in enumerate(row) if token in self._stops), None)
        text = self._tokenizer.decode(row if end is None else row[:end], skip_special_tokens=True)
        return str(text), end is None

    def _said(self, text: str) -> str:
        return numbered_texts([text]) if self._style.numbered else text

    def _prompt(self, text: str, *, again: bool) -> list[int]:
        messages = self._messages(text, self._way, again=again)
        if not self._template:
            said = "\n\n".join(part for message in messages for part in said_in(message))
            return [int(token) for token in self._tokenizer(said, verbose=False)["input_ids"]]
        return self._tokens(self._rendered(messages))

    def _messages(self, text: str, way: _Way, *, again: bool) -> list[Message]:
        return self._style.messages(self._said(text), system=way.system, again=again, typed=way.typed)

    def _tokens(self, text: str) -> list[int]:
        return [int(token) for token in self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]]

    def _rendered(self, messages: list[Message]) -> str:
        return str(
            self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, **self._style.template
            )
        )

    def _tried_way(self, system: bool) -> _Way:
        """Find how the chat template takes what the style says: some drop or refuse what they don't expect.

        Raises:
            ConfigError: In no way.
        """
        ways = [_Way(alone, typed) for alone in ([True, False] if system else [False]) for typed in (False, True)]
        if not self._template:
            return ways[0]
        error: Exception | None = None
        for way in ways:
            try:
                if self._says_all(way):
                    return way
            except Exception as refused:  # a template raises what it likes
                error = error or refused
        why = first_line(error) if error is not None else "it leaves words out"
        raise ConfigError(
            f"the model's chat template doesn't take what style {self._style.name!r} says: {why}. Name another style: "
            f"{', '.join(style_names())}, or a file of your own."
        )

    def _says_all(self, way: _Way) -> bool:
        messages = self._messages(_PROBE, way, again=False)
        rendered = self._rendered(messages)
        return _PROBE in rendered and all(said.strip() in rendered for message in messages for said in said_in(message))


def _load(model: str, device: str, dtype: Any) -> tuple[Any, Any]:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer

    quiet()
    place, advice = find_model(model, _EXAMPLE)
    with errors_of_model(model, "a language model", advice):
        config = AutoConfig.from_pretrained(place, trust_remote_code=False)
        speaks = type(config) in AutoModelForCausalLM._model_mapping
        kind = AutoModelForCausalLM if speaks else AutoModelForImageTextToText
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
        loaded = load_whole(kind, place, dtype=dtype, trust_remote_code=False).to(device).eval()
    return loaded, _with_template(tokenizer, place)


def _with_template(tokenizer: Any, place: str) -> Any:
    """Give a tokenizer the chat template that stands beside it, for the processor, where it has none of its own."""
    beside = Path(place) / "chat_template.json"
    if not tokenizer.chat_template and beside.is_file():
        tokenizer.chat_template = json.loads(beside.read_text(encoding="utf-8"))["chat_template"]
    return tokenizer


def _stops(model: Any, tokenizer: Any) -> list[int]:
    """Return the tokens that end a reply."""
    own = model.generation_config.eos_token_id
    named = [*(own if isinstance(own, list | tuple) else [own]), tokenizer.eos_token_id]
    return list(dict.fromkeys(int(token) for token in named if token is not None))


def _decode_greedily(model: Any, stops: list[int], padding: int | None) -> None:
    """Replace a model's own settings: those for sampling, and penalties, which count the padding of a batch."""
    from transformers import GenerationConfig

    fill = padding if padding is not None else next(iter(stops), 0)
    model.generation_config = GenerationConfig(do_sample=False, eos_token_id=stops or None, pad_token_id=fill)


def _longest(model: Any, around: int) -> int:
    """Return the most tokens of a text that fits, with its prompt and its reply, into the model."""
    text_config = model.config.get_text_config()
    positions = int(getattr(text_config, "max_position_embeddings", None) or _POSITIONS)
    fitting = (length for length in range(positions, 0, -1) if length + around + answer_limit(length) <= positions)
    return next(fitting, 0)
