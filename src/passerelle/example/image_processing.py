"""The image processor of the embedded base's tower; importing this registers both with transformers."""

from __future__ import annotations

from typing import Any

import numpy as np
from transformers import AutoImageProcessor
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

from passerelle.example.efficientnet_lite import EfficientNetLiteConfig


class WhitePaddedImageProcessor(LlavaImageProcessorPil):  # type: ignore[misc]
    """LLaVA's image processor, padding to a square with white: drawings stand on white, not on grey."""

    def pad_to_square(self, image: np.ndarray, background_color: Any = 0) -> np.ndarray:
        """Pad `image` [channels, height, width] to a square with white."""
        return np.asarray(super().pad_to_square(image, background_color=(255, 255, 255)))


IMAGENET_MEAN = [0.485, 0.456, 0.406]
IMAGENET_STD = [0.229, 0.224, 0.225]


def make_image_processor(side: int) -> WhitePaddedImageProcessor:
    """Return the image processor for square inputs of `side` pixels."""
    return WhitePaddedImageProcessor(
        do_pad=True,
        do_center_crop=False,
        size={"height": side, "width": side},
        image_mean=IMAGENET_MEAN,
        image_std=IMAGENET_STD,
    )


AutoImageProcessor.register(
    EfficientNetLiteConfig, image_processor_classes={"pil": WhitePaddedImageProcessor}, exist_ok=True
)
