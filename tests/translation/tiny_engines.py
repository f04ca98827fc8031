"""Tiny models with random weights and real tokenizers, for the engines' tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SENTENCES = [
    f"{number} {size} {thing} {verb} the {place}, and {thing} is not {size}."
    for number, size in enumerate(["small", "large", "black", "red", "old"])
    for thing in ["dog", "cat", "house", "boat"]
    for verb in ["sees", "leaves", "was near"]
    for place in ["garden", "été", "river", "<image> window"]
]
SEED = 5
_SIZES = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "max_position_embeddings": 96}
_HEADS = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
_OPEN_ENDED = {**_SIZES, **_HEADS, "tie_word_embeddings": False}


def train_sentencepiece(path: Path) -> list[str]:
    """Train a real SentencePiece model, write it to `path` and return its pieces."""
    from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

    with path.open("wb") as file:
        SentencePieceTrainer.train(
            sentence_iterator=iter(SENTENCES),
            model_writer=file,
            vocab_size=150,
            hard_vocab_limit=False,
            character_coverage=1.0,
            minloglevel=2,
        )
    processor = SentencePieceProcessor(model_file=str(path))
    return [processor.id_to_piece(number) for number in range(processor.vocab_size())]


def make_marian(folder: Path, languages: tuple[str, ...] = ()) -> Path:
    """Make a model built like OPUS-MT's; with `languages` it has several targets."""
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    folder.mkdir()
    pieces = [piece for piece in train_sentencepiece(folder / "source.spm") if piece not in ("<s>", "</s>", "<unk>")]
    (folder / "target.spm").write_bytes((folder / "source.spm").read_bytes())
    words = ["</s>", "<unk>", *pieces, *(f">>{code}<<" for code in languages), "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    pair = {} if languages else {"source_lang": "eng", "target_lang": "fra"}
    tokenizer = MarianTokenizer(
        str(folder / "source.spm"), str(folder / "target.spm"), str(folder / "vocab.json"), model_max_length=96, **pair
    )
    end = len(words) - 1
    config = MarianConfig(
        vocab_size=len(words),
        pad_token_id=end,
        decoder_start_token_id=end,
        eos_token_id=0,
        forced_eos_token_id=None,
        init_std=0.4,
        scale_embedding=True,
        **_SIZES,
        **_HEADS,
    )
    return _save(folder, MarianMTModel, config, tokenizer)


def make_nllb(folder: Path) -> Path:
    """Make a model built like NLLB's, with its language codes."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trained.train_from_iterator(SENTENCES, trainers.BpeTrainer(vocab_size=200, special_tokens=special))
    model = json.loads(trained.to_str())["model"]
    tokenizer = NllbTokenizer(vocab=model["vocab"], merges=[tuple(pair) for pair in model["merges"]])
    config = M2M100Config(vocab_size=len(tokenizer), init_std=0.4, decoder_start_token_id=2, **_OPEN_ENDED)
    return _save(folder, M2M100ForConditionalGeneration, config, tokenizer)


def make_m2m100(folder: Path) -> Path:
    """Make a model built like M2M-100."""
    from transformers import M2M100Config, M2M100ForConditionalGeneration, M2M100Tokenizer

    folder.mkdir()
    pieces = train_sentencepiece(folder / "sentencepiece.bpe.model")
    words = ["<s>", "<pad>", "</s>", "<unk>", *(piece for piece in pieces if not piece.startswith("<"))]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    tokenizer = M2M100Tokenizer(str(folder / "vocab.json"), str(folder / "sentencepiece.bpe.model"))
    config = M2M100Config(vocab_size=len(words) + 108, init_std=0.4, decoder_start_token_id=2, **_OPEN_ENDED)
    return _save(folder, M2M100ForConditionalGeneration, config, tokenizer)


def make_madlad(folder: Path) -> Path:
    """Make a model built like MADLAD-400, a T5 that is told the target in front of the source."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    # Training such a tokenizer gives another one each time, so its pieces are given: all words, all letters.
    special = ["<pad>", "</s>", "<unk>", "<2en>", "<2fr>", "<2es>"]
    words = sorted({f"▁{word}" for sentence in SENTENCES for word in sentence.split()})
    letters = sorted({letter for word in words for letter in word})
    pieces = [(piece, 0.0) for piece in special] + [(word, -2.0) for word in words] + [(each, -4.0) for each in letters]
    trained = Tokenizer(models.Unigram(pieces, unk_id=2))
    trained.add_special_tokens(special)
    trained.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    trained.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    trained.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=trained, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=96
    )
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=32,
        d_kv=16,
        d_ff=48,
        num_layers=1,
        num_heads=2,
        initializer_factor=4.0,
        decoder_start_token_id=0,
        tie_word_embeddings=False,
    )
    return _save(folder, T5ForConditionalGeneration, config, tokenizer)


def _save(folder: Path, kind: Any, config: Any, tokenizer: Any) -> Path:
    import torch

    torch.manual_seed(SEED)
    model = kind(config)
    if not config.tie_word_embeddings:  # random models are quick to end; these never do, and so test the limits
        words = [tokenizer.decode([number], skip_special_tokens=True) for number in range(config.vocab_size)]
        silent = [number for number, word in enumerate(words) if not word.strip() or "__" in word]
        model.get_output_embeddings().weight.data[silent] = 0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def convert(model: Path, folder: Path, *files: str) -> Path:
    """Convert a model by CTranslate2's own converter."""
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(str(model), copy_files=list(files)).convert(str(folder))
    return folder
