"""A tiny causal model that translates as it is told to: one text in, JSON out; what it says is fixed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SAID = {
    "en": ["Is it a red one?", "Is it blue?", "What is there to see?", "It is a square on the wall."],
    "fr": ["C'est un carré.", "Oui, en effet.", "Non, pas du tout.", "On y voit un mur rouge."],
}
"""What it says in each language: which of them hangs on the length of the text."""
# Whoever asks for a translation into English says so. The last token is the only one that the model looks at.
TEMPLATE = """
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor -%}
{%- set into = 'en' if 'to English' in messages[0].content else 'fr' -%}
{{ '<into-' + into + '-' + (messages[-1].content | length % COUNT) | string + '>' }}
""".strip()


def make_json_translator(folder: Path) -> Path:
    """Make a Llama that says a whole reply by one token, by the prompt's last one, and then ends."""
    from tokenizers import AddedToken
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    from families.tokens import Tokens, make_tokenizer

    tokenizer = make_tokenizer(Tokens("<|im_end|>", "<pad>", others=("<|im_start|>",)))
    asked = [f"<into-{code}-{number}>" for code, texts in SAID.items() for number in range(len(texts))]
    replies = [json.dumps({"1": text}, ensure_ascii=False) for texts in SAID.values() for text in texts]
    tokenizer.add_tokens([AddedToken(text, normalized=False, special=False) for text in asked + replies])
    tokenizer.chat_template = TEMPLATE.replace("COUNT", str(len(SAID["en"])))
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=4096, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    weights: dict[str, Any] = model.state_dict()  # in the model's own memory
    for name in ("self_attn.o_proj", "mlp.down_proj"):
        weights[f"model.layers.0.{name}.weight"].zero_()
    seen, said = weights["model.embed_tokens.weight"].zero_(), weights["lm_head.weight"].zero_()
    ids = tokenizer.convert_tokens_to_ids
    for place, (question, reply) in enumerate(zip(asked, replies, strict=True)):
        seen[ids(question), place] = said[ids(reply), place] = 1.0
        seen[ids(reply), len(asked)] = 1.0
    said[tokenizer.eos_token_id, len(asked)] = 1.0
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, max_new_tokens=8
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
