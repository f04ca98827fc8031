"""Choosing between options by their likelihood: the rules, and which option is the best.

Rules (Holtzman et al., "Surface Form Competition", 2104.08315, for PMI): ``sum`` is log p(option | picture,
prompt) in nats; ``mean`` the same per token; ``pmi`` subtracts log p(option | prompt), what the option would
score without the picture; ``pmi-mean`` is that per token. The order of systems depends on the rule: choose it
on a development split.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from passerelle.errors import ConfigError, unknown
from passerelle.records import Answer

Rule = Literal["sum", "mean", "pmi", "pmi-mean"]
FloatArray = NDArray[np.float64]


_FORMULAS: dict[Rule, Callable[[FloatArray, FloatArray, FloatArray], FloatArray]] = {
    "sum": lambda logprobs, priors, tokens: logprobs,
    "mean": lambda logprobs, priors, tokens: logprobs / tokens,
    "pmi": lambda logprobs, priors, tokens: logprobs - priors,
    "pmi-mean": lambda logprobs, priors, tokens: (logprobs - priors) / tokens,
}


def as_rule(rule: str) -> Rule:
    """Check the name of a scoring rule.

    Raises:
        ConfigError: If there is no such rule.
    """
    if rule not in get_args(Rule):
        raise ConfigError(unknown("scoring rule", rule, get_args(Rule)))
    return cast(Rule, rule)


def option_scores(answer: Answer, options: int, rule: str) -> FloatArray:
    """Score each option under a rule.

    Args:
        answer: With the fields that the rule needs.
        options: How many options the question has.
        rule: ``sum``, ``mean``, ``pmi`` or ``pmi-mean``.

    Returns:
        Scores [options], higher for likelier; NaN where one is missing, undefined or plus infinity.
    """
    formula = _FORMULAS[as_rule(rule)]
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = formula(*(_field(v, options) for v in (answer.logprobs, answer.priors, answer.tokens)))
    # Plus infinity comes of a prior of minus infinity, which would make any option win.
    return np.where(np.isposinf(scores), np.nan, scores)


def best_option(answer: Answer, options: int, rule: str) -> int | None:
    """Return the option with the best score under a rule; ``None`` where a score is missing or the best is shared."""
    scores = option_scores(answer, options, rule)
    if not options or np.isnan(scores).any():
        return None
    best = int(np.argmax(scores))
    return best if np.all(scores[best] > np.delete(scores, best)) else None


def _field(values: Sequence[float], options: int) -> FloatArray:
    """Give one field by option; all NaN where it doesn't fit the options."""
    if len(values) != options:
        return np.full(options, np.nan)
    return np.array(values, dtype=np.float64)
