"""Liger's kernels (2410.10989) for norms, rotary positions and gated layers, where a GPU and the package are there."""

from __future__ import annotations

import contextlib
import inspect
import logging
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import torch

from passerelle.errors import MissingDependency, UserError, to_install
from passerelle.models.pretrained import PretrainedModel

_ROTARY = "rotary_pos_emb"


def apply_liger(pretrained: PretrainedModel, device: torch.device) -> None:
    """Let a model compute by Liger's kernels on a GPU.

    The loss is left alone: the head is computed at the tokens that are learnt only. Other models of this process keep
    their own functions.

    Args:
        pretrained: The model.
        device: Where it will compute.

    Raises:
        UserError: There is no GPU, or Liger doesn't know the model.
        MissingDependency: liger-kernel isn't installed.
    """
    if device.type != "cuda":
        raise UserError("use_liger_kernel: Liger's kernels are a GPU's, and there is none: leave it out.")
    try:
        from liger_kernel.transformers import _apply_liger_kernel_to_instance
        from liger_kernel.transformers.monkey_patch import MODEL_TYPE_TO_APPLY_LIGER_FN
    except ImportError as error:
        raise MissingDependency(f"use_liger_kernel needs liger-kernel: type {to_install('liger')}") from error
    kind = pretrained.bare.config.model_type
    if kind not in MODEL_TYPE_TO_APPLY_LIGER_FN:
        raise UserError(f"use_liger_kernel: this version of Liger has no kernels for {kind!r}: leave it out.")
    with _for_this_model_only(), _silent("liger_kernel"):
        _apply_liger_kernel_to_instance(
            model=pretrained.bare, layer_norm=False, cross_entropy=False, fused_linear_cross_entropy=False
        )


@contextlib.contextmanager
def _for_this_model_only() -> Iterator[None]:
    """Undo what is changed in transformers' modules meanwhile; rotary positions go by where their tensors are."""
    modules = [module for name, module in sys.modules.items() if name.startswith("transformers.models.")]
    before = [(module, dict(vars(module))) for module in modules if isinstance(module, ModuleType)]
    try:
        yield
    finally:
        for module, known in before:
            for name, old in known.items():
                new: Any = vars(module).get(name)
                if new is not old:
                    setattr(module, name, _by_device(old, new) if _ROTARY in name else old)


def _by_device(plain: Callable[..., Any], fused: Callable[..., Any]) -> Callable[..., Any]:
    plain = getattr(plain, "plain", plain)

    def rotated(q: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        return (fused if q.is_cuda else plain)(q, *args, **kwargs)

    rotated.plain = plain  # type: ignore[attr-defined]
    rotated.__signature__ = inspect.signature(plain)  # type: ignore[attr-defined]
    return rotated


@contextlib.contextmanager
def _silent(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
