"""What a paid engine may cost, and what it has cost so far."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

from passerelle.costs.limits import pay
from passerelle.costs.prices import prices
from passerelle.errors import BudgetSpent, ConfigError

_MILLION = 1_000_000


@dataclass(frozen=True)
class Prices:
    """Prices of a million tokens, in any currency; the costs are in the same."""

    input: float = 0.0
    output: float = 0.0

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """Return the cost of so many tokens."""
        return (input_tokens * self.input + output_tokens * self.output) / _MILLION


def prices_of(model: str, url: str, given_input: float | None, given_output: float | None) -> Prices:
    """Return the prices of a model at a place: those that were given, else those in the table of prices.

    Args:
        model: Its name there.
        url: The place; a price is that of its host.
        given_input: Of a million tokens in; 0: it is free.
        given_output: Of a million tokens out.
    """
    if given_input is not None or given_output is not None:
        return Prices(given_input or 0.0, given_output or 0.0)
    known = prices().api.get(f"{model}@{urlsplit(url).hostname}")
    return Prices(known.input_eur, known.output_eur) if known else Prices()


@dataclass(frozen=True)
class Spent:
    """What an engine has cost so far.

    Attributes:
        requests: Answers that came.
        input_tokens: Tokens of the questions, as the endpoint counted them, else estimated.
        output_tokens: The same of the answers.
        cost: By the prices that were given.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost + other.cost,
        )

    def __str__(self) -> str:
        tokens = f"{self.input_tokens + self.output_tokens:,} tokens"
        return f"{tokens} ({self.input_tokens:,} in, {self.output_tokens:,} out) in {self.requests:,} requests, " + (
            said_cost(self.cost)
        )


def said_cost(cost: float) -> str:
    """Say what tokens have cost, or that nobody knows."""
    return f"{cost:.4f} by the prices given" if cost else "unknown money: no input_price and output_price were given"


class Budget:
    """Keeps account of requests, those under way included; several threads may use it."""

    def __init__(self, prices: Prices, most_tokens: int | None, most_cost: float | None) -> None:
        """Begin with nothing spent.

        Args:
            prices: Prices of a million tokens.
            most_tokens: Most tokens, in and out; no limit if not given.
            most_cost: Most money, in the prices' currency; no limit if not given.

        Raises:
            ConfigError: A limit in money without prices.
        """
        if most_cost is not None and not (prices.input or prices.output):
            raise ConfigError(
                "a budget in money needs prices: give input_price and output_price, those of a million tokens."
            )
        self._prices, self._most_tokens, self._most_cost = prices, most_tokens, most_cost
        self._spent = Spent()
        self._under_way = (0, 0)
        self._lock = threading.Lock()

    @property
    def spent(self) -> Spent:
        """What was spent so far."""
        return self._spent

    def reserve(self, input_tokens: int, output_tokens: int) -> None:
        """Set an estimate aside for a request that is about to be sent.

        Raises:
            BudgetSpent: It would go beyond the budget.
        """
        with self._lock:
            ahead = self._under_way[0] + input_tokens, self._under_way[1] + output_tokens
            tokens = self._spent.input_tokens + self._spent.output_tokens + sum(ahead)
            cost = self._spent.cost + self._prices.cost(*ahead)
            if self._most_tokens is not None and tokens > self._most_tokens:
                raise BudgetSpent(self._message(f"{self._most_tokens:,} tokens", "most_tokens"))
            if self._most_cost is not None and cost > self._most_cost:
                raise BudgetSpent(self._message(f"{self._most_cost:g}", "most_cost"))
            self._under_way = ahead

    def release(self, input_tokens: int, output_tokens: int) -> None:
        """Give back an estimate: its request has ended, well or not."""
        with self._lock:
            self._under_way = self._under_way[0] - input_tokens, self._under_way[1] - output_tokens

    def spend(self, input_tokens: int, output_tokens: int) -> None:
        """Count what a request has cost."""
        pay(self._prices.cost(input_tokens, output_tokens))
        with self._lock:
            self._spent = Spent(
                self._spent.requests + 1,
                self._spent.input_tokens + input_tokens,
                self._spent.output_tokens + output_tokens,
                self._spent.cost + self._prices.cost(input_tokens, output_tokens),
            )

    def _message(self, budget: str, option: str) -> str:
        return (
            f"the budget of {budget} doesn't reach for the next request. Spent so far: {self._spent}. "
            f"What came is kept: raise {option} and give the same command again."
        )
