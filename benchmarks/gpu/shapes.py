"""Models of published sizes with random weights, built on the device; their processors are made without a download.

A model has the sizes of `shapes.json`, which names where each was published, and the tokens, the template and the kind
of processor of its family in `tests/families`: its vocabulary is of the published size, though its tokenizer knows a
thousand tokens only.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText

from families.tiny import BUILDERS
from passerelle.models.families import family_of
from passerelle.models.pretrained import PretrainedModel

SHAPES: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("shapes.json").read_text(encoding="utf-8"))
ROOT = Path(__file__).resolve().parents[2]
# What questions and replies are put together from: English and French, from the repository itself.
TEXTS = ("README.md", "src/passerelle/data/languages/en.toml", "src/passerelle/data/exonyms.toml")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
DTYPE = torch.bfloat16 if DEVICE.type == "cuda" else torch.float32
# What the smoke run makes of every shape.
TINY_TEXT = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 2048, "initializer_range": 0.1,
}  # fmt: skip
TINY_VISION = {"hidden_size": 64, "intermediate_size": 96, "initializer_range": 0.1}
TINY_DEPTHS = {"num_hidden_layers": 2, "num_attention_heads": 4, "depth": 2, "num_heads": 4}
# Follow from the sizes, and would contradict the new ones.
_DERIVED = ("layer_types", "dtype", "head_dim")


def build_shape(name: str, *, tiny: bool = False, seed: int = 1) -> PretrainedModel:
    """Build a model on the device, in bf16 on a GPU and in fp32 on a CPU.

    Args:
        name: One of `SHAPES`.
        tiny: Take the same processor and kinds of layers, but few and small ones.
        seed: Of its weights.
    """
    shape = SHAPES[name]
    small, processor = BUILDERS[shape["family"]](shape["family"])
    config = sized(small.config, name, tiny=tiny)
    torch.manual_seed(seed)
    with DEVICE:
        model = AutoModelForImageTextToText.from_config(config, dtype=DTYPE).eval()
    model.to(DEVICE).generation_config = small.generation_config
    kind = type(processor.image_processor)
    processor.image_processor = kind(**shape["image_processor"])
    for attribute, value in shape["processor"].items():
        setattr(processor, attribute, value)
    return PretrainedModel(model, processor, family_of(model), name)


def sized(config: Any, name: str, *, tiny: bool = False) -> Any:
    """Return a family's configuration in the sizes of a shape, with the special tokens that it has."""
    shape = SHAPES[name]
    content = config.to_dict() | shape["model"]
    for part, least in (("text", TINY_TEXT), ("vision", TINY_VISION)):
        sizes = shape[part]
        if tiny:
            depths = {key: value for key, value in TINY_DEPTHS.items() if key in sizes}
            sizes = sizes | depths | least | shape["tiny"][part]
        inner = {key: value for key, value in content[f"{part}_config"].items() if key not in _DERIVED}
        content[f"{part}_config"] = inner | sizes
    content.pop("dtype", None)
    return type(config)(**content)


def parameters(pretrained: PretrainedModel) -> float:
    """Return how many billions of parameters a model has."""
    return sum(value.numel() for value in pretrained.model.parameters()) / 1e9


def write_samples(folder: Path, samples: int, pictures: int, size: tuple[int, int]) -> Path:
    """Write pictures of soft spots and conversations about them in LLaVA's layout; return the file.

    Pictures come in turn, so that those of a batch differ; questions and replies are words of the documentation.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(pictures):
        spots = np.random.default_rng(number).integers(0, 256, (12, 16, 3), dtype=np.uint8)
        Image.fromarray(spots).resize(size, Image.Resampling.BICUBIC).save(folder / f"{number}.jpg", quality=90)
    words = " ".join((ROOT / name).read_text(encoding="utf-8") for name in TEXTS).split()
    drawn = random.Random(1)
    rows = [
        {
            "id": str(number),
            "image": f"{number % pictures}.jpg",
            "conversations": [
                {"from": "human", "value": "<image>\n" + _phrase(words, drawn, 12) + " ?"},
                {"from": "gpt", "value": _phrase(words, drawn, drawn.randint(20, 40))},
            ],
        }
        for number in range(samples)
    ]
    path = folder / "samples.json"
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return path


def _phrase(words: list[str], drawn: random.Random, length: int) -> str:
    """Return so many words that follow each other, without what a processor takes for marks of pictures."""
    start = drawn.randrange(len(words) - length)
    return " ".join(word for word in words[start : start + length] if "<" not in word) or "mot"
