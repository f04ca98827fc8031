"""Tokenizers of the tiny families: one small byte-level BPE, with each family's own special tokens and conventions."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tokenizers import Tokenizer, processors
from transformers import PreTrainedTokenizerFast

# A BPE of 1,000 tokens, trained once on English and French of the documentation and of `data/exonyms.toml`. It stays
# as it is: what tiny random models say hangs on it.
TRAINED = Path(__file__).with_name("tokenizer.json")


@dataclass(frozen=True)
class Tokens:
    """The special tokens of a family.

    Attributes:
        eos: The tokenizer's `eos_token`.
        pad: Its `pad_token`.
        bos: Its `bos_token`, where it has one.
        named: Tokens that the processor finds as attributes of the tokenizer: ``image_token`` and the like.
        others: Other special tokens.
        starts: Whether the tokenizer itself puts `bos` first.
        ends: Tokens that end an answer, if not `eos` alone; for the generation configuration.
    """

    eos: str
    pad: str
    bos: str | None = None
    named: dict[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    starts: bool = False
    ends: tuple[str, ...] = ()


@cache
def trained() -> str:
    """Return the BPE that all families share, as JSON."""
    return TRAINED.read_text(encoding="utf-8")


def make_tokenizer(tokens: Tokens) -> PreTrainedTokenizerFast:
    """Return a family's tokenizer. It pads on the right."""
    inner = Tokenizer.from_str(trained())
    special = [tokens.bos, tokens.eos, tokens.pad, *tokens.named.values(), *tokens.others, *tokens.ends]
    inner.add_special_tokens([token for token in dict.fromkeys(special) if token])
    if tokens.starts and tokens.bos:
        inner.post_processor = processors.TemplateProcessing(
            single=f"{tokens.bos} $A",
            pair=f"{tokens.bos} $A $B:1",
            special_tokens=[(tokens.bos, inner.token_to_id(tokens.bos))],
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token=tokens.bos,
        eos_token=tokens.eos,
        pad_token=tokens.pad,
        extra_special_tokens=tokens.named,
        padding_side="right",
        model_max_length=4096,
    )
