"""The arms that a comparison doesn't train: what they are called, and what a file may say of them."""

from __future__ import annotations

import re
from typing import Any

from passerelle.errors import unknown

ZERO_SHOT, PROMPTED, PIPELINE = "zero-shot", "prompted", "pipeline"
UNTRAINED = (ZERO_SHOT, PROMPTED, PIPELINE)
"""Methods that wrap a model and train nothing."""
ELSEWHERE = "elsewhere"
"""Method of an arm that is a model which was adapted before, by whatever made it: it is asked as it is."""
_KEYS = {
    ZERO_SHOT: ("method", "model"),
    PROMPTED: ("method", "model"),
    PIPELINE: ("method", "model", "translation"),
    ELSEWHERE: ("method", "model", "training_seconds"),
}
"""The keys that each takes."""


def check_untrained(name: str, method: str, given: dict[str, Any]) -> None:
    """Check the keys of an arm that isn't trained.

    Args:
        name: The arm's name.
        method: Its method.
        given: Its keys with their values.

    Raises:
        ValueError: Its model is missing or no name, its seconds are no such number, or there is another key.
    """
    if strange := next((key for key in given if key not in _KEYS[method]), ""):
        if method == ELSEWHERE:
            raise ValueError(f"arm {name!r} was adapted elsewhere: {unknown('key', strange, _KEYS[method])}")
        raise ValueError(f"arm {name!r}: {method} trains nothing, so {strange!r} says nothing: leave it out.")
    if "model" in given or method == ELSEWHERE:
        _check_model(name, method, given.get("model"))
    seconds = given.get("training_seconds", 0)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < float("inf"):
        raise ValueError(f"arm {name!r}: training_seconds is a number from 0 on, not {seconds!r}.")


def _check_model(name: str, method: str, model: Any) -> None:
    if not isinstance(model, str) or not model:
        raise ValueError(f"arm {name!r}: name the model or adapter, as {{method: {method}, model: FOLDER}}.")
    if name == ZERO_SHOT:
        raise ValueError(f"arm {name!r} is the comparison's model: give another one a name, and method: {ZERO_SHOT}.")
    if around := re.match(rf"({PROMPTED}|{PIPELINE})[{{:]", model):
        raise ValueError(
            f"arm {name!r}: {around[1]} is a method: write {{method: {around[1]}, model: …}}, and a pipeline's engines "
            "as translation."
        )
