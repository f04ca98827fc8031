"""A tiny random language model that ends what it says, in words, for the engines' tests."""

from __future__ import annotations

from pathlib import Path

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SAID = [
    f" {word}{ending}" for word in ("chien", "chat", "maison", "ruisseau", "vieux", "noir") for ending in "abcdefgh"
]


ENDING = 5
"""One word in so many ends what is said."""


def make_causal(folder: Path, template: str = CHATML, seed: int = 5) -> Path:
    """Make a language model that reads bytes, and says words of `SAID` until it comes to one that ends it."""
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    content = Tokenizer(models.BPE(vocab={letter: row for row, letter in enumerate(letters)}, merges=[]))
    content.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    content.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=content, eos_token="<|im_end|>", bos_token="<|im_start|>")
    first = len(tokenizer)
    # Those that end a reply are special, as a server leaves special tokens out of what it sends.
    words = [AddedToken(word, normalized=False, special=place % ENDING == 0) for place, word in enumerate(SAID)]
    tokenizer.add_tokens(words)
    tokenizer.chat_template = template or None
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        initializer_range=0.4,
        tie_word_embeddings=False,
    )
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config)
    model.get_output_embeddings().weight.data[:first] = 0
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, *range(first, len(tokenizer), ENDING)]
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
