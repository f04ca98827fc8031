"""What the image processors on torchvision need of it, on torch alone, so that their families load without it."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

InterpolationMode = Enum(
    "InterpolationMode",
    {name: name.lower() for name in ("NEAREST", "NEAREST_EXACT", "BILINEAR", "BICUBIC", "BOX", "HAMMING", "LANCZOS")},
)


def resize(image: Tensor, size: Any, interpolation: Any = None, antialias: bool = True) -> Tensor:
    """Resize pictures [..., channels, height, width]."""
    mode = "bilinear" if interpolation in (None, InterpolationMode["BILINEAR"]) else "bicubic"
    flat = image.reshape(-1, *image.shape[-3:]).float()
    made = torch.nn.functional.interpolate(flat, tuple(size), mode=mode, antialias=antialias, align_corners=False)
    made = made.reshape(*image.shape[:-2], *made.shape[-2:])
    return made if image.is_floating_point() else made.round().clamp(0, 255).to(image.dtype)


def pad(image: Tensor, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Tensor:
    """Pad pictures on the left, top, right and bottom, by a value that is the same in all channels."""
    left, top, right, bottom = padding
    value, *others = fill if isinstance(fill, list | tuple) else [fill or 0]
    assert not any(other != value for other in others)
    return torch.nn.functional.pad(image, (left, right, top, bottom), mode=padding_mode, value=value)


def normalize(image: Tensor, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    """Bring the channels of pictures to mean and deviation."""
    shifted = image - torch.as_tensor(mean, dtype=image.dtype).view(-1, 1, 1)
    return shifted / torch.as_tensor(std, dtype=image.dtype).view(-1, 1, 1)


def crop(image: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    """Cut a piece out of pictures."""
    return image[..., top : top + height, left : left + width]


def grayscale_to_rgb(image: Tensor) -> Tensor:
    """Give pictures of one channel three."""
    return image.expand(*image.shape[:-3], 3, *image.shape[-2:]) if image.shape[-3] == 1 else image


def pil_to_tensor(image: Image.Image) -> Tensor:
    """Return a picture [channels, height, width] of bytes."""
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).contiguous()
