"""How likely a server finds each token of what it was asked: vLLM's ``prompt_logprobs``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

FIELDS: Mapping[str, Any] = {"prompt_logprobs": 0, "max_tokens": 1}
"""Asks a server for them: those of the tokens that stand there, none beside. vLLM generates one token at least."""
_ROUNDING = 1e-3
"""So far above 0 the logarithm of a rounded probability may come, in nats."""


class PromptToken(NamedTuple):
    """A token of what a server was asked.

    Attributes:
        id: Its number in the vocabulary; empty for the first one, of which servers say nothing.
        text: What it stands for; of a part of a letter, nothing that can be used.
        logprob: Log-likelihood given all before it, in nats.
    """

    id: str
    text: str
    logprob: float


def prompt_tokens(given: Any, count: int | None) -> tuple[PromptToken, ...] | None:
    """Read the field ``prompt_logprobs`` of a reply, as vLLM writes it: for each token, an object by its number.

    Args:
        given: The field.
        count: Tokens of the question, as the same reply counts them; ``None`` where it doesn't.

    Returns:
        The tokens; ``None`` where the server gives none.

    Raises:
        ValueError: The field is broken, or tells of another number of tokens.
        TypeError, LookupError: It has another form.
    """
    if given is None:
        return None
    if not isinstance(given, list) or (count is not None and len(given) != count):
        raise ValueError("another number of tokens than were asked")
    return tuple(_token(each, first=place == 0) for place, each in enumerate(given))


def _token(given: Any, *, first: bool) -> PromptToken:
    if given is None and first:
        return PromptToken("", "", 0.0)
    found: list[tuple[str, Any]] = list(given.items())
    token, told = found[0]
    logprob = told["logprob"]
    if isinstance(logprob, bool) or not isinstance(logprob, int | float) or not -math.inf < logprob <= _ROUNDING:
        raise ValueError("no log-likelihood")
    return PromptToken(str(token), str(told.get("decoded_token") or ""), min(0.0, float(logprob)))
