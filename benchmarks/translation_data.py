"""Sentences and a model for the benchmarks of translation: random, but of the usual sizes, and the same each time."""

from __future__ import annotations

import json
import random
from pathlib import Path

# Everyday words of different lengths; only letters, so that no part of a sentence is protected.
WORDS = (
    "a an the this that every some red black small large old young quiet wooden broken friendly distant dog cat house "
    "street man woman train window garden mountain river kitchen umbrella newspaper photograph motorcycle is stands "
    "sleeps holds sees carries follows remembers with under near behind between across above slowly together outside"
).split()
WHO = "dog cat man woman boy girl horse bird child cyclist farmer teacher".split()
LOOKS = "red black small large old young quiet wooden broken friendly white green tall dirty empty".split()
THINGS = "house street train window garden mountain river kitchen umbrella newspaper bench table car boat".split()
DOES = "sleeps stands sits waits walks plays rests".split()
SEES = "holds sees carries follows watches paints".split()
QUESTIONS = ("<image>\nWhat is in the picture?", "<image>\nDescribe it in one sentence.", "Is it a dog?")
OPUS_MT_WORDS = 58_101
OPUS_MT_SIZE = {
    "d_model": 512,
    "encoder_layers": 6,
    "decoder_layers": 6,
    "encoder_attention_heads": 8,
    "decoder_attention_heads": 8,
    "encoder_ffn_dim": 2048,
    "decoder_ffn_dim": 2048,
    "max_position_embeddings": 512,
}


def sentences(count: int, seed: int = 0) -> list[str]:
    """Make different sentences of 4 to 24 words."""
    draw = random.Random(seed)
    made: dict[str, None] = {}
    while len(made) < count:
        words = draw.choices(WORDS, k=draw.randint(4, 24))
        made[" ".join(words).capitalize() + "."] = None
    return list(made)


def captions(count: int, seed: int = 0) -> list[str]:
    """Make different captions of 11 to 12 words that an engine can analyse."""
    draw = random.Random(seed)
    made: dict[str, None] = {}
    while len(made) < count:
        who, first, second = draw.choice(WHO), draw.choice(THINGS), draw.choice(THINGS)
        looks = draw.choices(LOOKS, k=3)
        if draw.random() < 0.5:
            made[f"The {looks[0]} {who} {draw.choice(DOES)} beside the {looks[1]} {first} near a {second}."] = None
        else:
            made[f"A {looks[0]} {who} {draw.choice(SEES)} the {looks[1]} {first} behind a {looks[2]} {second}."] = None
    return list(made)


def write_conversations(path: Path, rows: int, pool: list[str], first: int = 0) -> Path:
    """Write rows as LLaVA has them, of sentences of a pool; one answer in four is there already."""
    draw = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for number in range(rows):
            answer = (
                draw.choice(pool) if number % 4 == 0 else f"{draw.choice(pool)} {draw.choice(pool)} Number {number}."
            )
            turns = [{"from": "human", "value": draw.choice(QUESTIONS)}, {"from": "gpt", "value": answer}]
            row = {"id": f"{first + number:09}", "image": f"{number:09}.jpg", "conversations": turns}
            file.write((",\n" if number else "\n") + json.dumps(row))
        file.write("\n]\n")
    return path


def write_rows(path: Path, texts: list[str]) -> Path:
    """Write one row for each text, as JSON Lines with the field ``text``."""
    with path.open("w", encoding="utf-8") as file:
        for number, text in enumerate(texts):
            file.write(json.dumps({"id": number, "text": text}) + "\n")
    return path


def make_marian(folder: Path) -> Path:
    """Make a Marian model of OPUS-MT's size with random weights and a real tokenizer."""
    import torch
    from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    folder.mkdir(parents=True)
    with (folder / "source.spm").open("wb") as file:
        SentencePieceTrainer.train(
            sentence_iterator=iter(sentences(2000, seed=1)),
            model_writer=file,
            vocab_size=400,
            hard_vocab_limit=False,
            minloglevel=2,
        )
    (folder / "target.spm").write_bytes((folder / "source.spm").read_bytes())
    processor = SentencePieceProcessor(model_file=str(folder / "source.spm"))
    pieces = [processor.id_to_piece(number) for number in range(processor.vocab_size())]
    pieces = [piece for piece in pieces if piece not in ("<s>", "</s>", "<unk>")]
    # What a real vocabulary has and these sentences don't use: it costs time in each step all the same.
    others = [f"▁w{number}" for number in range(OPUS_MT_WORDS - len(pieces) - 3)]
    words = ["</s>", "<unk>", *pieces, *others, "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    files = (str(folder / name) for name in ("source.spm", "target.spm", "vocab.json"))
    tokenizer = MarianTokenizer(*files, model_max_length=512, source_lang="eng", target_lang="fra")
    padding = len(words) - 1
    config = MarianConfig(
        vocab_size=len(words),
        pad_token_id=padding,
        decoder_start_token_id=padding,
        eos_token_id=0,
        forced_eos_token_id=None,
        scale_embedding=True,
        **OPUS_MT_SIZE,
    )
    torch.manual_seed(0)
    MarianMTModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def convert(model: Path, folder: Path) -> Path:
    """Convert a model by CTranslate2's own converter."""
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(str(model), copy_files=["source.spm", "target.spm"]).convert(str(folder))
    return folder
