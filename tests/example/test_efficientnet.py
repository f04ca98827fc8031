"""The vision tower against torch's own operations, with the norms and the padding of the published network."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from passerelle.example.efficientnet import HEAD, LITE2, PUBLISHED_EPSILON, STEM, Stage, convert, make_config

SMALL = (
    Stage(1, 3, 1, 1, 8),
    Stage(2, 3, 2, 6, 8),
    Stage(2, 5, 2, 6, 16),
    Stage(1, 3, 1, 2, 24),
    Stage(1, 5, 2, 1, 24),
)
"""All that occurs in Lite2 (even inputs of each kernel, with and without stride), and a head that isn't a multiple."""


def published_weights(stages: tuple[Stage, ...]) -> dict[str, Tensor]:
    """Draw weights named and shaped as the packages name and shape theirs."""
    torch.manual_seed(5)
    weights: dict[str, Tensor] = {}

    def layer(convolution: str, norm: str, *shape: int) -> None:
        weights[f"{convolution}.weight"] = torch.randn(shape) / math.sqrt(math.prod(shape[1:]))
        weights[f"{norm}.weight"] = torch.rand(shape[0]) + 0.5
        weights[f"{norm}.bias"] = torch.randn(shape[0]) * 0.3
        weights[f"{norm}.running_mean"] = torch.randn(shape[0]) * 0.2
        weights[f"{norm}.running_var"] = torch.rand(shape[0]) + 0.2
        weights[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    layer("_conv_stem", "_bn0", STEM, 3, 3, 3)
    for index, (_, stage, before) in enumerate(blocks(stages)):
        name, inner = f"_blocks.{index}", before * stage.expansion
        if stage.expansion != 1:
            layer(f"{name}._expand_conv", f"{name}._bn0", inner, before, 1, 1)
        layer(f"{name}._depthwise_conv", f"{name}._bn1", inner, 1, stage.kernel, stage.kernel)
        layer(f"{name}._project_conv", f"{name}._bn2", stage.channels, inner, 1, 1)
    layer("_conv_head", "_bn1", HEAD, stages[-1].channels, 1, 1)
    weights["_fc.weight"] = torch.randn(1000, 16)
    return weights


def blocks(stages: tuple[Stage, ...]) -> list[tuple[int, Stage, int]]:
    """Return stride, stage and channels in of each block."""
    found, channels = [], STEM
    for stage in stages:
        for repeat in range(stage.repeats):
            found.append((1 if repeat else stage.stride, stage, channels))
            channels = stage.channels
    return found


def same(x: Tensor, weight: Tensor, stride: int, groups: int = 1) -> Tensor:
    """Convolve with TensorFlow's SAME padding, by its definition."""
    kernel = weight.shape[-1]
    pads = []
    for size in (x.shape[-1], x.shape[-2]):
        needed = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        pads += [needed // 2, needed - needed // 2]
    return functional.conv2d(functional.pad(x, pads), weight, stride=stride, groups=groups)


def normed(x: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    mean, variance = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
    factor, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return functional.batch_norm(x, mean, variance, factor, bias, training=False, eps=PUBLISHED_EPSILON)


def reference(x: Tensor, weights: dict[str, Tensor], stages: tuple[Stage, ...]) -> Tensor:
    """Compute the published network, unfolded, without its classifier, and the means of its map by 4 × 4."""
    x = normed(same(x, weights["_conv_stem.weight"], 2), weights, "_bn0").clamp(0, 6)
    for index, (stride, _, _) in enumerate(blocks(stages)):
        name, before = f"_blocks.{index}", x
        if f"{name}._expand_conv.weight" in weights:
            x = normed(same(x, weights[f"{name}._expand_conv.weight"], 1), weights, f"{name}._bn0").clamp(0, 6)
        depthwise = weights[f"{name}._depthwise_conv.weight"]
        x = normed(same(x, depthwise, stride, groups=len(depthwise)), weights, f"{name}._bn1").clamp(0, 6)
        x = normed(same(x, weights[f"{name}._project_conv.weight"], 1), weights, f"{name}._bn2")
        if stride == 1 and x.shape == before.shape:
            x = x + before
    head = normed(same(x, weights["_conv_head.weight"], 1), weights, "_bn1").clamp(0, 6)
    return functional.avg_pool2d(head, 4)


@torch.inference_mode()
def test_it_computes_what_the_published_network_does() -> None:
    weights = published_weights(SMALL)
    model = convert(weights, make_config(SMALL, 128))
    pixels = torch.randn(2, 3, 128, 128)
    expected = reference(pixels, weights, SMALL)
    out = model(pixels).last_hidden_state
    assert out.shape == expected.shape == (2, HEAD, 2, 2)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)
    assert out.std() > 0.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_what_was_added_to_the_network_changes_nothing(dtype: torch.dtype) -> None:
    model = convert(published_weights(SMALL), make_config(SMALL, 128)).to(dtype)
    x = torch.rand(1, 48, 4, 4).to(dtype) * 6
    for module in model.modules():
        if type(module).__name__ == "EfficientNetSqueezeExciteLayer":
            given = x[:, :1].expand(-1, module.dim, -1, -1)
            assert torch.equal(module(given), given)
        if isinstance(module, torch.nn.BatchNorm2d):
            zeros = torch.zeros(1, module.num_features, 1, 1, dtype=dtype)
            assert torch.equal(module(zeros).flatten(), module.bias)
            module.bias.zero_()
            given = x[:, :1].expand(-1, module.num_features, -1, -1)
            assert torch.equal(module(given), given)


def test_it_is_lite2() -> None:
    from transformers import EfficientNetModel

    with torch.device("meta"):
        model = EfficientNetModel(make_config())
    assert sum(stage.repeats for stage in LITE2) + 2 == len(model.encoder.blocks) == 23
    # efficientnet-lite2 has 6.1 million parameters, of which 1.28 million are the classifier's.
    found = {name: p.numel() for name, p in model.named_parameters() if "squeeze_excite" not in name}
    own = [
        n
        for name, n in found.items()
        if not name.startswith(("encoder.blocks.21.", "encoder.blocks.22.", "encoder.top"))
    ]
    head = LITE2[-1].channels * HEAD + 2 * HEAD
    assert 4_700_000 < sum(own) + head < 4_900_000


@torch.inference_mode()
def test_features_are_in_reading_order() -> None:
    model = convert(published_weights(SMALL), make_config(SMALL, 256))
    pixels = torch.randn(1, 3, 128, 128)
    changed = pixels.clone()
    changed[:, :, 10:50, -50:-10] += 3
    one, other = (model(each).last_hidden_state.flatten(2).permute(0, 2, 1) for each in (pixels, changed))
    assert (one - other).abs().mean(-1)[0].argmax() == 1
