"""The rows of the table: a part prints one as JSON as soon as it is known, the runner writes it down."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from typing import Any

from passerelle.errors import first_line


def emit(what: str, measured: str, target: str = "–", **figures: Any) -> None:
    """Print a row.

    Args:
        what: What was measured.
        measured: The figures in words, or why there are none.
        target: What is to be reached.
        figures: All of them, for the JSON.
    """
    print(json.dumps({"what": what, "target": target, "measured": measured, "figures": figures}), flush=True)


def attempt(what: str, work: Callable[[], None]) -> None:
    """Do a piece of a part; if it fails its row says so, and the rest goes on. The GPU's memory is given back."""
    import traceback

    import torch

    try:
        work()
    except Exception as error:  # noqa: BLE001 - whatever it is, the other pieces are to be measured
        traceback.print_exc()
        emit(what, f"**failed**: {type(error).__name__}: {first_line(error)}"[:300])
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
