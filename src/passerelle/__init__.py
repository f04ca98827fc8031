"""Passerelle adapts an English vision-language model to another language and says which way is best.

The public API is what `__all__` names; `passerelle --help` shows the commands, which it mirrors.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from passerelle.api import (
        Adaptation,
        Comparison,
        Evaluation,
        Gated,
        RepairedFile,
        adapt,
        audit,
        compare,
        evaluate,
        gate,
        repair,
        translate,
    )
    from passerelle.errors import PasserelleError

__version__ = "0.1.0"

_PLACES = {
    "Adaptation": "api",
    "Comparison": "api",
    "Evaluation": "api",
    "Gated": "api",
    "PasserelleError": "errors",
    "RepairedFile": "api",
    "adapt": "api",
    "audit": "api",
    "compare": "api",
    "evaluate": "api",
    "gate": "api",
    "repair": "api",
    "translate": "api",
}

__all__ = [
    "Adaptation",
    "Comparison",
    "Evaluation",
    "Gated",
    "PasserelleError",
    "RepairedFile",
    "__version__",
    "adapt",
    "audit",
    "compare",
    "evaluate",
    "gate",
    "repair",
    "translate",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import passerelle` stays light."""
    if name in _PLACES:
        return getattr(import_module(f"passerelle.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'passerelle' has no attribute {name!r}")
