"""Euros: what computing and people's time are worth, by a dated table of stated assumptions."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import Field

from passerelle.config import Settings, merge, parse_settings
from passerelle.costs.clocks import device_name
from passerelle.errors import ConfigError, first_line

OWN_FILE = "prices.toml"
_SECONDS_PER_HOUR = 3600
_MINUTES_PER_HOUR = 60
_own: ContextVar[Path | None] = ContextVar("own_prices", default=None)


class Compute(Settings):
    """What processors cost.

    Attributes:
        core_hour_eur: One core for an hour.
        watts_per_core: What a busy core takes.
    """

    core_hour_eur: float = Field(ge=0)
    watts_per_core: float = Field(ge=0)


class Device(Settings):
    """What an accelerator costs.

    Attributes:
        hour_eur: It for an hour.
        watts: What it takes while it computes.
    """

    hour_eur: float = Field(ge=0)
    watts: float = Field(ge=0)


class Api(Settings):
    """What a hosted model costs.

    Attributes:
        input_eur: A million tokens in.
        output_eur: A million tokens out.
    """

    input_eur: float = Field(ge=0)
    output_eur: float = Field(ge=0)


class People(Settings):
    """What people's time costs.

    Attributes:
        expert_hour_eur: An expert's hour.
        words_per_hour: Source words that an expert translates in an hour.
    """

    expert_hour_eur: float = Field(ge=0)
    words_per_hour: float = Field(gt=0)


class Energy(Settings):
    """What electricity does.

    Attributes:
        grams_co2_per_kwh: Of a kilowatt hour.
    """

    grams_co2_per_kwh: float = Field(ge=0)


class Prices(Settings):
    """Prices and speeds.

    Attributes:
        as_of: The day of the prices.
        compute: Of processors.
        devices: Of accelerators, by a part of the name that torch gives them; the empty name is any other.
        api: Of hosted models, as ``MODEL@HOST``.
        people: Of people.
        energy: Of electricity.
        sources: Where they are from, by name.
    """

    as_of: str
    compute: Compute
    devices: dict[str, Device]
    api: dict[str, Api] = {}
    people: People
    energy: Energy
    sources: dict[str, str] = {}

    def translation_minutes(self, texts: Iterable[str]) -> float:
        """Return how long a person takes to translate texts."""
        return sum(len(text.split()) for text in texts) / self.people.words_per_hour * _MINUTES_PER_HOUR

    def device(self, name: str = "") -> Device:
        """Return the price of an accelerator [the one that is here]."""
        name = name or device_name()
        found = next((device for part, device in self.devices.items() if part and part in name), None)
        return found or self.devices[""]

    def euros(self, processor_seconds: float, device_seconds: float, expert_minutes: float) -> float:
        """Return what processors, the accelerator that is here, and people's time cost."""
        computing = processor_seconds * self.compute.core_hour_eur + device_seconds * self.device().hour_eur
        return computing / _SECONDS_PER_HOUR + expert_minutes / _MINUTES_PER_HOUR * self.people.expert_hour_eur

    def watt_hours(self, processor_seconds: float, device_seconds: float) -> float:
        """Return an estimate of the energy that computing took."""
        joules = processor_seconds * self.compute.watts_per_core + device_seconds * self.device().watts
        return joules / _SECONDS_PER_HOUR


def prices() -> Prices:
    """Return the table that ships (``passerelle/data/prices.toml``), with what a user's own file changes of it.

    Raises:
        ConfigError: The user's file can't be read, or says what the table doesn't have.
    """
    return _prices(_own.get())


@contextmanager
def known_prices(path: Path | None) -> Iterator[None]:
    """Compute with a user's own prices within the block, which are read at once.

    Raises:
        ConfigError: The file can't be read, or says what the table doesn't have.
    """
    before = _own.set(path)
    try:
        prices()
        yield
    finally:
        _own.reset(before)


def prices_beside(experiment: Path) -> Path | None:
    """Return the ``prices.toml`` beside an experiment; ``None`` if there is none."""
    path = experiment.parent / OWN_FILE
    return path if path.is_file() else None


@cache
def _prices(own: Path | None) -> Prices:
    shipped = tomllib.loads(files("passerelle.data").joinpath(OWN_FILE).read_text(encoding="utf-8"))
    return parse_settings(Prices, merge(shipped, _read(own) if own else {}), str(own or OWN_FILE))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"prices in {str(path)!r} can't be read: {first_line(error)}") from None
