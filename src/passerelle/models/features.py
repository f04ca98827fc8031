"""Vision features, computed once per picture and kept on disk, whatever the arm, language or benchmark."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from passerelle.errors import InputError
from passerelle.models.vlm import VisionLanguageModel
from passerelle.pictures.opening import open_picture
from passerelle.runs import file_hash, write_atomically

BATCH = 32
SHARD = 256
"""Pictures from one write to the next: what a kill costs at most."""


def file_digest(path: Path) -> str:
    """Return a file's SHA-256.

    Raises:
        InputError: No such file.
    """
    try:
        return file_hash(path)
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"no picture at {str(path)!r}.") from None


def tower_digest(model: VisionLanguageModel) -> str:
    """Return a hash of what determines a feature beside the picture: tower weights and image processor."""
    digest = hashlib.sha256(model.processor.image_processor.to_json_string().encode())
    for name, weight in sorted(model.tower.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


class FeatureCache:
    """Tower features by the content of the picture file.

    Features are kept in safetensors shards under ``folder/<tower digest>``; a shard that can't be read is
    thrown away and its pictures are computed again.

    Args:
        model: The model whose tower computes them.
        folder: Where shards are kept.
    """

    def __init__(self, model: VisionLanguageModel, folder: Path) -> None:
        self.model = model
        self.folder = folder / tower_digest(model)[:16]
        self.computed = 0
        self._known: dict[str, Tensor] = {}
        self._read()

    def _read(self) -> None:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        for shard in sorted(self.folder.glob("*.safetensors")):
            try:
                self._known |= load_file(shard)
            except (OSError, SafetensorError, ValueError):
                shard.unlink(missing_ok=True)

    def get(self, paths: Sequence[Path], watch: Callable[[int, int], None] | None = None) -> Tensor:
        """Return the features of pictures [pictures, tokens, hidden] in bf16.

        Args:
            paths: Picture files.
            watch: Told (done, of how many) while pictures are computed.

        Raises:
            InputError: A picture can't be read.
        """
        digests = [file_digest(path) for path in paths]
        missing = {digest: path for digest, path in zip(digests, paths, strict=True) if digest not in self._known}
        todo = list(missing.items())
        for start in range(0, len(todo), SHARD):
            part = dict(todo[start : start + SHARD])
            images = (open_picture(path) for path in part.values())
            fresh = dict(zip(part, compute_features(self.model, images), strict=True))
            self._known |= fresh
            self._write(fresh)
            self.computed += len(fresh)
            if watch:
                watch(min(start + SHARD, len(todo)), len(todo))
        return torch.stack([self._known[digest] for digest in digests])

    def _write(self, fresh: dict[str, Tensor]) -> None:
        from safetensors.torch import save

        name = hashlib.sha256("".join(sorted(fresh)).encode()).hexdigest()[:24]
        write_atomically(self.folder / f"{name}.safetensors", save(fresh))


@torch.inference_mode()
def compute_features(model: VisionLanguageModel, images: Iterable[Any]) -> list[Tensor]:
    """Run the tower over RGB pictures and return each one's features [tokens, hidden] in bf16."""
    features: list[Tensor] = []
    batch: list[Any] = []
    tower = model.tower.to(memory_format=torch.channels_last)

    def flush() -> None:
        if batch:
            pixels = model.processor.image_processor(batch, return_tensors="pt")["pixel_values"]
            maps = tower(pixels.to(model.model.dtype)).last_hidden_state
            out = maps.flatten(2).transpose(1, 2).to(torch.bfloat16).contiguous()
            features.extend(row.clone() for row in out)
            batch.clear()

    for image in images:
        batch.append(image)
        if len(batch) == BATCH:
            flush()
    flush()
    return features
