"""Pictures as the tower sees them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from transformers import AutoImageProcessor

from passerelle.example.image_processing import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    WhitePaddedImageProcessor,
    make_image_processor,
)


def seen(image: Image.Image, side: int = 32) -> np.ndarray:
    """Return what the tower sees, with the normalisation undone [height, width, channels]."""
    pixels = np.asarray(make_image_processor(side)(image, return_tensors="np")["pixel_values"][0])
    return pixels.transpose(1, 2, 0) * np.array(IMAGENET_STD) + np.array(IMAGENET_MEAN)


@pytest.mark.parametrize("size", [(64, 32), (32, 64), (64, 64), (7, 90)])
def test_padding_is_white_and_centred(size: tuple[int, int]) -> None:
    pixels = seen(Image.new("RGB", size, "black"), 64)
    assert pixels.shape == (64, 64, 3)
    covered = 4096 * min(size) / max(size)
    assert np.isclose((pixels < 0.5).all(-1).sum(), covered, rtol=0.15, atol=70)
    if size[0] != size[1]:
        np.testing.assert_allclose(pixels[0, 0], 1, atol=0.02)
        np.testing.assert_allclose(pixels[-1, -1], 1, atol=0.02)
    np.testing.assert_allclose(pixels[32, 32], 0, atol=0.02)


def test_colours_keep_their_order() -> None:
    np.testing.assert_allclose(seen(Image.new("RGB", (40, 40), (255, 128, 0)))[5, 5], [1, 128 / 255, 0], atol=0.01)


def test_a_batch_may_hold_several_sizes() -> None:
    images = [Image.new("RGB", size) for size in ((10, 20), (300, 100))]
    assert make_image_processor(32)(images, return_tensors="pt")["pixel_values"].shape == (2, 3, 32, 32)


def test_it_is_saved_and_read_again(tmp_path: object) -> None:
    make_image_processor(48).save_pretrained(tmp_path)
    read = AutoImageProcessor.from_pretrained(tmp_path)
    assert isinstance(read, WhitePaddedImageProcessor)
    image = Image.new("RGB", (30, 10), "red")
    np.testing.assert_array_equal(
        read(image, return_tensors="np")["pixel_values"],
        make_image_processor(48)(image, return_tensors="np")["pixel_values"],
    )
