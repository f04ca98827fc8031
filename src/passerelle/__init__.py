"""Passerelle adapts an English vision-language model to another language and says which way is best.

The public API is what `__all__` names; `passerelle --help` shows the commands.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from passerelle.compare.run import compare
    from passerelle.config import Experiment, load_experiment
    from passerelle.errors import PasserelleError
    from passerelle.example.embedded import assemble as assemble_base
    from passerelle.models.vlm import VisionLanguageModel
    from passerelle.records import Answer, Picture, Question, Sample, Text, Turn
    from passerelle.report import write_page
    from passerelle.translation.engines.apertium import ApertiumTranslator

__version__ = "0.1.0"

_PLACES = {
    "Answer": "records",
    "ApertiumTranslator": "translation.apertium",
    "Experiment": "config",
    "PasserelleError": "errors",
    "Picture": "records",
    "Question": "records",
    "Sample": "records",
    "Text": "records",
    "Turn": "records",
    "VisionLanguageModel": "models.vlm",
    "assemble_base": "models.embedded:assemble",
    "compare": "compare.run",
    "load_experiment": "config",
    "write_page": "report",
}

__all__ = [
    "Answer",
    "ApertiumTranslator",
    "Experiment",
    "PasserelleError",
    "Picture",
    "Question",
    "Sample",
    "Text",
    "Turn",
    "VisionLanguageModel",
    "__version__",
    "assemble_base",
    "compare",
    "load_experiment",
    "write_page",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import passerelle` stays light."""
    if name in _PLACES:
        module, _, original = _PLACES[name].partition(":")
        return getattr(import_module(f"passerelle.{module}"), original or name)
    raise AttributeError(f"module 'passerelle' has no attribute {name!r}")
