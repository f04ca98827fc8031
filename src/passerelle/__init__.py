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
    from passerelle.deciding import Plan, Reproduction, advise, plan, report_on, reproduce
    from passerelle.errors import PasserelleError

__version__ = "0.1.0"

_PLACES = {
    "Adaptation": "api",
    "Comparison": "api",
    "Evaluation": "api",
    "Gated": "api",
    "PasserelleError": "errors",
    "Plan": "deciding",
    "RepairedFile": "api",
    "Reproduction": "deciding",
    "adapt": "api",
    "advise": "deciding",
    "audit": "api",
    "compare": "api",
    "evaluate": "api",
    "gate": "api",
    "plan": "deciding",
    "repair": "api",
    "report_on": "deciding",
    "reproduce": "deciding",
    "translate": "api",
}

__all__ = [
    "Adaptation",
    "Comparison",
    "Evaluation",
    "Gated",
    "PasserelleError",
    "Plan",
    "RepairedFile",
    "Reproduction",
    "__version__",
    "adapt",
    "advise",
    "audit",
    "compare",
    "evaluate",
    "gate",
    "plan",
    "repair",
    "report_on",
    "reproduce",
    "translate",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import passerelle` stays light."""
    if name in _PLACES:
        return getattr(import_module(f"passerelle.{_PLACES[name]}"), name)
    raise AttributeError(f"module 'passerelle' has no attribute {name!r}")
