"""Which number type a model is computed in: bf16 where the processor or the GPU has instructions for it, else fp32.

Without them, bf16 products on a CPU are some hundred times slower than fp32 ones.
"""

from __future__ import annotations

import torch

CPU = torch.device("cpu")


def best_device() -> torch.device:
    """Return where a model answers: on the first GPU that this process sees, else on the CPU."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else CPU


def best_dtype(device: torch.device = CPU) -> torch.dtype:
    """Return the number type that a device computes fastest without loss that matters: bf16 or fp32."""
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = device.type == "cpu" and _cpu_has_bf16()
    return torch.bfloat16 if fast else torch.float32


def _cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 itself; older releases of torch can't say, and then it counts as no."""
    tests = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile"))
    return any(test() for test in tests if test is not None)
