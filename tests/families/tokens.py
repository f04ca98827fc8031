"""Tokenizers of the tiny families: one small byte-level BPE, with each family's own special tokens and conventions."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

ROOT = Path(__file__).resolve().parents[2]
# English and French, from the repository itself.
TEXTS = (
    "README.md",
    "src/passerelle/data/languages/en.toml",
    "src/passerelle/data/exonyms.toml",
    "docs/howto/translate.md",
)
VOCABULARY = 1000


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
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train([str(ROOT / name) for name in TEXTS], trainer)
    return str(tokenizer.to_str())


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
