"""The vision tower against torch's own operations, with batch norms as they were published."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from passerelle.example.efficientnet_lite import (
    BATCH_NORM_EPSILON,
    EfficientNetLiteConfig,
    EfficientNetLiteModel,
    InvertedResidual,
    SameConv,
    convert_weights,
    scaled_channels,
)

SMALL = EfficientNetLiteConfig(width=0.1, depth=0.5, image_size=64, patch_size=32, hidden_size=16)


def published_weights(model: EfficientNetLiteModel) -> dict[str, Tensor]:
    """Draw weights named and shaped as the packages name and shape theirs."""
    torch.manual_seed(5)
    weights: dict[str, Tensor] = {}

    def layer(convolution: str, norm: str, module: Any) -> None:
        weights[f"{convolution}.weight"] = torch.randn(module.weight.shape) / math.sqrt(module.weight[0].numel())
        channels = module.out_channels
        weights[f"{norm}.weight"] = torch.rand(channels) + 0.5
        weights[f"{norm}.bias"] = torch.randn(channels) * 0.3
        weights[f"{norm}.running_mean"] = torch.randn(channels) * 0.2
        weights[f"{norm}.running_var"] = torch.rand(channels) + 0.2
        weights[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    layer("_conv_stem", "_bn0", model.stem)
    for index, block in enumerate(model.blocks):
        if block.expand is not None:
            layer(f"_blocks.{index}._expand_conv", f"_blocks.{index}._bn0", block.expand)
        layer(f"_blocks.{index}._depthwise_conv", f"_blocks.{index}._bn1", block.depthwise)
        layer(f"_blocks.{index}._project_conv", f"_blocks.{index}._bn2", block.project)
    layer("_conv_head", "_bn1", model.head)
    weights["_fc.weight"] = torch.randn(1000, 16)
    weights["_fc.bias"] = torch.randn(1000)
    return weights


def same(x: Tensor, weight: Tensor, stride: int, groups: int = 1) -> Tensor:
    """Convolve with TensorFlow's SAME padding, by its definition."""
    kernel = weight.shape[-1]
    pads = []
    for size in (x.shape[-1], x.shape[-2]):
        needed = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        pads += [needed // 2, needed - needed // 2]
    return functional.conv2d(functional.pad(x, pads), weight, stride=stride, groups=groups)


def normed(x: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    return functional.batch_norm(
        x,
        weights[f"{name}.running_mean"],
        weights[f"{name}.running_var"],
        weights[f"{name}.weight"],
        weights[f"{name}.bias"],
        training=False,
        eps=BATCH_NORM_EPSILON,
    )


def reference(x: Tensor, weights: dict[str, Tensor], model: EfficientNetLiteModel) -> Tensor:
    """Compute the published network, unfolded, without its pooling and classifier."""
    x = normed(same(x, weights["_conv_stem.weight"], 2), weights, "_bn0").clamp(0, 6)
    for index, block in enumerate(model.blocks):
        name, before = f"_blocks.{index}", x
        if f"{name}._expand_conv.weight" in weights:
            x = normed(same(x, weights[f"{name}._expand_conv.weight"], 1), weights, f"{name}._bn0").clamp(0, 6)
        stride = block.depthwise.stride[0]
        depthwise = weights[f"{name}._depthwise_conv.weight"]
        x = normed(same(x, depthwise, stride, groups=len(depthwise)), weights, f"{name}._bn1").clamp(0, 6)
        x = normed(same(x, weights[f"{name}._project_conv.weight"], 1), weights, f"{name}._bn2")
        if stride == 1 and x.shape == before.shape:
            x = x + before
    return normed(same(x, weights["_conv_head.weight"], 1), weights, "_bn1").clamp(0, 6)


@torch.inference_mode()
def test_folded_weights_compute_what_the_published_ones_do() -> None:
    model = EfficientNetLiteModel(SMALL).eval()
    weights = published_weights(model)
    model.load_state_dict(convert_weights(weights))
    pixels = torch.randn(2, 3, 64, 64)
    expected = reference(pixels, weights, model)
    assert expected.shape == (2, 16, 2, 2)
    out = model(pixels)
    torch.testing.assert_close(out.last_hidden_state, expected.flatten(2).transpose(1, 2), rtol=1e-3, atol=1e-4)
    assert out.last_hidden_state.std() > 0.01
    assert out.hidden_states[-1] is out.last_hidden_state


@torch.inference_mode()
def test_patches_are_in_reading_order() -> None:
    config = EfficientNetLiteConfig(width=0.1, depth=0.5, image_size=512, patch_size=256, hidden_size=16)
    model = EfficientNetLiteModel(config).eval()
    model.load_state_dict(convert_weights(published_weights(model)))
    pixels = torch.randn(1, 3, 512, 512)
    changed = pixels.clone()
    changed[:, :, 40:200, -200:-40] += 3
    moved = (model(changed).last_hidden_state - model(pixels).last_hidden_state).abs().mean(-1)[0]
    assert moved.argmax() == 1


@pytest.mark.parametrize(("side", "patch", "patches"), [(256, 128, 4), (256, 64, 16), (64, 32, 4), (96, 32, 9)])
@torch.inference_mode()
def test_number_of_patches(side: int, patch: int, patches: int) -> None:
    config = EfficientNetLiteConfig(width=0.1, depth=0.3, image_size=side, patch_size=patch, hidden_size=8)
    out = EfficientNetLiteModel(config)(torch.randn(1, 3, side, side))
    assert out.last_hidden_state.shape == (1, patches, 8)


def test_the_defaults_are_lite2() -> None:
    model = EfficientNetLiteModel(EfficientNetLiteConfig())
    # efficientnet-lite2: 6.1 million parameters, of which 1.28 million are the classifier's.
    assert 4_700_000 < sum(p.numel() for p in model.parameters()) < 4_900_000
    assert len(model.blocks) == 21


@pytest.mark.parametrize(
    ("channels", "width", "scaled"), [(16, 1.1, 16), (40, 1.1, 48), (320, 1.1, 352), (16, 0.1, 8), (24, 1.1, 24)]
)
def test_scaled_channels(channels: int, width: float, scaled: int) -> None:
    assert scaled_channels(channels, width) == scaled


@pytest.mark.parametrize("size", [5, 6, 7, 8])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 2), (1, 1), (2, 2)])
@torch.inference_mode()
def test_same_padding(size: int, kernel: int, stride: int) -> None:
    layer = SameConv(2, 3, kernel, stride=stride, bias=False)
    x = torch.randn(1, 2, size, size + 1)
    out = layer(x)
    assert out.shape[-2:] == (math.ceil(size / stride), math.ceil((size + 1) / stride))
    torch.testing.assert_close(out, same(x, layer.weight, stride))


def test_residual_only_where_shapes_agree() -> None:
    assert InvertedResidual(8, 8, 3, 1, 6).residual
    assert not InvertedResidual(8, 8, 3, 2, 6).residual
    assert not InvertedResidual(8, 16, 3, 1, 6).residual
