"""Pictures as a model's own processor makes pixels of them, read in threads ahead of when they are wanted."""

from __future__ import annotations

import copy
import inspect
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from torch import Tensor

from passerelle.models.pretrained import PretrainedModel
from passerelle.pictures.opening import open_picture

_THREADS = 2
AHEAD = 8
"""Pictures that are read ahead at most: their pixels take some megabytes each."""


@dataclass(frozen=True)
class Shown:
    """A picture as it is shown: what its features are kept by, and whether others stand in its row."""

    path: Path
    key: str
    several: bool


class PixelReader:
    """Reads pictures, and keeps some.

    Args:
        pretrained: The model.
        keep: Pictures whose pixels are kept in memory, those that came first.
    """

    def __init__(self, pretrained: PretrainedModel, keep: int) -> None:
        self.pretrained = pretrained
        self.keep = keep
        self._kept: dict[str, dict[str, Tensor]] = {}
        self._coming: dict[str, Future[dict[str, Tensor]]] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._local = threading.local()

    def ahead(self, pictures: Iterable[Shown]) -> None:
        """Begin to read pictures that will be wanted."""
        for shown in pictures:
            if len(self._coming) >= AHEAD:
                return
            if shown.key not in self._kept and shown.key not in self._coming:
                self._coming[shown.key] = self._threads().submit(self._read_beside, shown)

    def get(self, shown: Shown) -> dict[str, Tensor]:
        """Return what `get_image_features` takes for a picture.

        Raises:
            InputError: It can't be read.
        """
        found = self._kept.get(shown.key)
        if found is None:
            coming = self._coming.pop(shown.key, None)
            found = coming.result() if coming else read(self.pretrained, self.pretrained.processor, shown)
            if len(self._kept) < self.keep:
                self._kept[shown.key] = found
        return found

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            copies: SimpleQueue[Any] = SimpleQueue()  # a processor's tokenizer can't be used by two threads
            for _ in range(_THREADS):
                copies.put(copy.deepcopy(self.pretrained.processor))
            self._pool = ThreadPoolExecutor(_THREADS, "pictures", self._begin, (copies,))
        return self._pool

    def _begin(self, copies: SimpleQueue[Any]) -> None:
        self._local.processor = copies.get()

    def _read_beside(self, shown: Shown) -> dict[str, Tensor]:
        return read(self.pretrained, self._local.processor, shown)


def read(pretrained: PretrainedModel, processor: Any, shown: Shown) -> dict[str, Tensor]:
    """Return what `get_image_features` takes for a picture: two copies of one that doesn't stand alone in its row."""
    return pixel_inputs(pretrained, processor, [open_picture(shown.path)] * (2 if shown.several else 1))


def pixel_inputs(pretrained: PretrainedModel, processor: Any, images: Sequence[Any]) -> dict[str, Tensor]:
    """Return what `get_image_features` takes for a row's pictures: their pixels and what describes them.

    Args:
        pretrained: The model.
        processor: Its processor, or a copy.
        images: RGB pictures.
    """
    text = _pictures_alone(pretrained, processor, len(images))
    made = processor(text=[text], images=[images], return_tensors="pt")
    taken = inspect.signature(pretrained.bare.get_image_features).parameters
    return {name: value for name, value in made.items() if name in taken and isinstance(value, Tensor)}


def _pictures_alone(pretrained: PretrainedModel, processor: Any, count: int) -> str:
    if pretrained.family.encoding == "prefix-suffix":
        return "<image>" * count
    content = [*([{"type": "image"}] * count), {"type": "text", "text": "."}]
    text: str = processor.apply_chat_template([{"role": "user", "content": content}], tokenize=False)
    return text
