"""Pictures as a model's own processor makes pixels of them, read in threads ahead of when they are wanted."""

from __future__ import annotations

import copy
import inspect
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
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
            self._pool = ThreadPoolExecutor(_THREADS, "pictures", _begin, (self._local, copies))
        return self._pool

    def _read_beside(self, shown: Shown) -> dict[str, Tensor]:
        return read(self.pretrained, self._local.processor, shown)


def _begin(local: threading.local, copies: SimpleQueue[Any]) -> None:
    """Give a thread its processor. No method: threads that hold their reader would keep it, and its model, for ever."""
    local.processor = copies.get()


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
    text = pictures_alone(pretrained, processor, len(images))
    return taken_by_tower(pretrained, processor(text=[text], images=[images], return_tensors="pt"))


def taken_by_tower(pretrained: PretrainedModel, made: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return what `get_image_features` takes of what a processor made."""
    names = taken_names(pretrained.bare)
    return {name: value for name, value in made.items() if name in names and isinstance(value, Tensor)}


def taken_names(model: Any) -> set[str]:
    """Return the names of what a model's `get_image_features` takes; some hand all of it on to the model within."""
    named = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    methods = (inspect.signature(each.get_image_features).parameters for each in (model, model.base_model))
    found = ({name for name, parameter in method.items() if parameter.kind in named} for method in methods)
    return next(filter(None, found), set())


def pictures_alone(pretrained: PretrainedModel, processor: Any, count: int) -> str:
    """Return a text that shows so many pictures and asks nothing, as a model's processor wants it."""
    if pretrained.family.encoding == "prefix-suffix":
        return "<image>" * count
    content = [*([{"type": "image"}] * count), {"type": "text", "text": "."}]
    turns = [{"role": "user", "content": content}]
    text: str = processor.apply_chat_template(turns, tokenize=False, **pretrained.family.template)
    return text


class PictureMemory:
    """Runs a processor on texts about pictures; what it makes of pictures that it saw lately, it doesn't make again.

    Kept is what describes pictures; of their pixels, which aren't wanted, the shapes alone: a few kilobytes each.

    Args:
        pretrained: The model. Of one that isn't in the table of families nothing is kept: its processor might look at
            pictures elsewhere than in its image processor.
        most: Rows of pictures that are kept; those that were shown longest ago are forgotten.
    """

    def __init__(self, pretrained: PretrainedModel, most: int = 4096) -> None:
        self._processor = copy.copy(pretrained.processor)
        self._images = _Remembering(pretrained.processor.image_processor, 0 if pretrained.family.detected else most)
        self._processor.image_processor = self._images

    def run(self, text: str, shown: tuple[Path, ...], **options: Any) -> dict[str, Tensor]:
        """Return the tensors that the processor makes of a text about pictures; of their pixels the shapes alone.

        Args:
            text: The text, in which the places of pictures are marked.
            shown: The picture files.
            options: Of the processor.

        Raises:
            InputError: A picture can't be read.
        """
        images = [self._images.show(shown)] if shown else None
        made = self._processor(text=[text], images=images, return_tensors="pt", **options)
        return {name: value for name, value in made.items() if isinstance(value, Tensor)}


class _Remembering:
    """An image processor that remembers what it made of each row of pictures, for `most` rows."""

    def __init__(self, inner: Any, most: int) -> None:
        self._inner = inner
        self._most = most
        self._made: OrderedDict[tuple[Path, ...], Any] = OrderedDict()
        self._shown: tuple[Path, ...] = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def show(self, shown: tuple[Path, ...]) -> list[Any]:
        """Say which pictures come next; return them, or blank ones in the place of pictures that are known."""
        from PIL import Image

        self._shown = shown
        if shown in self._made:
            return [Image.new("RGB", (1, 1))] * len(shown)
        return [open_picture(path) for path in shown]

    def __call__(self, images: Any, *given: Any, **options: Any) -> Any:
        if self._shown not in self._made:
            made = self._inner(images, *given, **options)
            if not self._most:
                return made
            self._made[self._shown] = _without_pixels(made)
            if len(self._made) > self._most:
                self._made.popitem(last=False)
        self._made.move_to_end(self._shown)
        # Processors take out of it what they alone need.
        return copy.copy(self._made[self._shown])


def _without_pixels(made: Any) -> Any:
    """Return a copy of what an image processor made, in which pixels have their shapes but take no memory."""
    light = copy.copy(made)
    for name in made:
        if name.startswith("pixel"):
            light[name] = _shape_alone(made[name])
    return light


def _shape_alone(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.new_zeros(()).expand(value.shape)
    if isinstance(value, np.ndarray):
        return np.broadcast_to(np.zeros((), value.dtype), value.shape)
    return [_shape_alone(part) for part in value] if isinstance(value, list | tuple) else value
