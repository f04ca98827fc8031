"""Lets every family's processor load where torchvision isn't installed; where it is, nothing is changed.

Pictures need no torchvision: each family has an image processor on PIL. But transformers (5.23) refuses a processor
as a whole if it can also take videos (InternVL, LLaVA-OneVision, Qwen-VL, SmolVLM), and Pixtral's, which is Mistral
3's, for the import of one function that the PIL file has as well. The stand-ins for the video processors bear the
names that checkpoints give, and process nothing. Some families have an image processor on torchvision alone: their
own code runs here on functions of torch that do the same (`picture_functions`).
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import transformers
from transformers import image_processing_backends, image_utils, processing_utils, video_processing_utils
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.video_processing_auto import AutoVideoProcessor
from transformers.utils import is_torchvision_available

from families import picture_functions

# What a processor expects of its part for videos; before transformers 5.18 the class of those on torchvision.
EXPECTED = "VideoProcessorMixin" if hasattr(video_processing_utils, "VideoProcessorMixin") else "BaseVideoProcessor"
Expected: Any = getattr(video_processing_utils, EXPECTED)
VIDEO_PROCESSORS = {
    "internvl": "InternVLVideoProcessor",
    "llava_onevision": "LlavaOnevisionVideoProcessor",
    "qwen2_vl": "Qwen2VLVideoProcessor",
    "qwen2_5_vl": "Qwen2VLVideoProcessor",
    "qwen3_vl": "Qwen3VLVideoProcessor",
    "qwen3_vl_moe": "Qwen3VLVideoProcessor",
    "qwen3_5": "Qwen3VLVideoProcessor",
    "qwen3_5_moe": "Qwen3VLVideoProcessor",
    "glm4v": "Glm4vVideoProcessor",
    "glm46v": "Glm46VVideoProcessor",
    "gemma4": "Gemma4VideoProcessor",
    "gemma4_unified": "Gemma4UnifiedVideoProcessor",
    "molmo2": "Molmo2VideoProcessor",
    "minicpmv4_7": "MiniCPMV4_6VideoProcessor",
    "smolvlm": "SmolVLMVideoProcessor",
}


class NoVideo(Expected):  # type: ignore[misc]
    """A video processor that says what is missing when it is given a video."""

    # SmolVLM's processor asks for the first two whenever it renders a conversation, MiniCPM-V's for the others.
    num_frames = 64
    fps = 1
    slice_mode = False
    downsample_mode = "16x"

    def preprocess(self, videos: Any, **kwargs: Any) -> Any:
        """Refuse.

        Raises:
            ImportError: Always.
        """
        raise ImportError("videos need torchvision, which isn't installed: pip install torchvision")


STAND_INS: dict[str, type[NoVideo]] = {name: type(name, (NoVideo,), {}) for name in set(VIDEO_PROCESSORS.values())}


def make_video_processor(model_type: str) -> Any:
    """Return the video processor of a family: the real one where torchvision is installed."""
    name = VIDEO_PROCESSORS[model_type]
    return (getattr(transformers, name) if is_torchvision_available() else STAND_INS[name])()


ON_TORCHVISION = {
    "cohere2_vision": "Cohere2VisionImageProcessor",
    "llama4": "Llama4ImageProcessor",
    "lfm2_vl": "Lfm2VlImageProcessor",
    "molmo2": "Molmo2ImageProcessor",
    "gemma4_unified": "Gemma4UnifiedImageProcessor",
}
"""Families whose image processor is on torchvision alone."""


def make_image_processor(model_type: str, **settings: Any) -> Any:
    """Return the image processor of a family that has none on PIL."""
    return getattr(transformers.models, model_type).__dict__[ON_TORCHVISION[model_type]](**settings)


def _lend_functions() -> None:
    """Let the image processors on torchvision load, each with the functions that stand in for torchvision's."""
    names = ("torchvision", "torchvision.transforms", "torchvision.transforms.v2")
    lent: dict[str, Any] = {name: ModuleType(name) for name in names}
    lent[names[-1]].functional = picture_functions
    image_processing_backends.tvF = picture_functions
    image_processing_backends.pil_to_tensor = image_utils.pil_to_tensor = picture_functions.pil_to_tensor
    modes = picture_functions.InterpolationMode
    ways = (image_utils.PILImageResampling.BILINEAR, image_utils.PILImageResampling.BICUBIC)
    image_processing_backends.pil_torch_interpolation_mapping = {way: modes[way.name] for way in ways}
    sys.modules.update(lent)
    try:
        for family, name in ON_TORCHVISION.items():
            module = importlib.import_module(f"transformers.models.{family}.image_processing_{family}")
            setattr(importlib.import_module(f"transformers.models.{family}"), name, getattr(module, name))
    finally:
        for name in lent:
            del sys.modules[name]


def do_without() -> None:
    """Let `AutoProcessor` load all families' processors."""
    if is_torchvision_available():
        return
    _lend_functions()
    # Processors check their parts against this name, in a copy of the package that hides it without torchvision.
    setattr(processing_utils.transformers_module, EXPECTED, Expected)
    for model_type, name in VIDEO_PROCESSORS.items():
        AutoVideoProcessor.register(CONFIG_MAPPING[model_type], video_processor_class=STAND_INS[name], exist_ok=True)
    for package in ("transformers", "transformers.models.pixtral"):
        importlib.import_module(package).PixtralProcessor = pixtral_processor()


def pixtral_processor() -> Any:
    """Return Pixtral's processor class, imported with the PIL file in place of the one on torchvision."""
    if is_torchvision_available():
        return transformers.PixtralProcessor
    family = "transformers.models.pixtral"
    hidden, name = f"{family}.image_processing_pixtral", f"{family}.processing_pixtral"
    if name not in sys.modules:
        sys.modules[hidden] = importlib.import_module(f"{family}.image_processing_pil_pixtral")
        try:
            importlib.import_module(name)
        finally:
            del sys.modules[hidden]
    return sys.modules[name].PixtralProcessor
