"""Other views of a picture, for training the embedded base: mirrored, turned, cropped or shrunk, recoloured."""

from __future__ import annotations

import random
from typing import Any

WHITE = (255, 255, 255)
LARGEST = 400
"""Pictures are scaled down to this side first, in pixels: more than the tower sees, less to turn."""


def augment(image: Any, drawn: random.Random) -> Any:
    """Return another view of an RGB picture, square, on white.

    Args:
        image: A PIL picture.
        drawn: Source of chance.
    """
    from PIL import Image, ImageEnhance, ImageOps

    image = image.copy()
    image.thumbnail((LARGEST, LARGEST), Image.Resampling.BICUBIC)
    image = ImageOps.pad(image, (max(image.size),) * 2, color=WHITE)
    side = image.size[0]
    if drawn.random() < 0.5:
        image = ImageOps.mirror(image)
    if drawn.random() < 0.7:
        image = image.rotate(drawn.uniform(-15, 15), Image.Resampling.BICUBIC, fillcolor=WHITE)
    window = max(8, int(side * drawn.uniform(0.75, 1.3)))
    if window < side:
        left, top = drawn.randrange(side - window + 1), drawn.randrange(side - window + 1)
        image = image.crop((left, top, left + window, top + window))
    elif window > side:
        canvas = Image.new("RGB", (window, window), WHITE)
        canvas.paste(image, (drawn.randrange(window - side + 1), drawn.randrange(window - side + 1)))
        image = canvas
    for enhancer, amount in ((ImageEnhance.Color, 0.6), (ImageEnhance.Brightness, 0.25), (ImageEnhance.Contrast, 0.3)):
        image = enhancer(image).enhance(drawn.uniform(1 - amount, 1 + amount))
    return image
