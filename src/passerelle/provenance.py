"""What made a result: versions of packages and the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("passerelle", "torch", "transformers", "peft", "sacrebleu", "numpy", "pillow")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results hang on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Return the processor, its cores, the memory, and the threads of torch where it computes."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, StopIteration, ValueError):
        memory = None
    found = {"cpu": model, "cores": os.cpu_count(), "memory_bytes": memory}
    if torch := sys.modules.get("torch"):  # the order of additions, and so the last digit, hangs on it
        found["threads"] = torch.get_num_threads()
    return found
