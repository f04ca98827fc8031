"""Every error that Passerelle raises on purpose.

The tree::

    PasserelleError
    ├── UserError              what the user asked for can't be done: exit code 2, no traceback
    │   ├── ConfigError        an experiment file or an option is wrong
    │   ├── InputError         a file, a picture or a text is missing or unusable
    │   └── MissingDependency  an engine, a package or a language pair isn't installed
    └── RunError               the run itself failed: exit code 1, no traceback
        ├── StorageError       the disk is full, or a folder can't be written
        ├── EngineStopped      a translation engine can't go on; it carries what it has done
        │   └── BudgetSpent    what the user allowed it to cost is used up
        └── TrainingError      a loss that isn't finite, nothing to train
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


class PasserelleError(Exception):
    """Base of all errors that Passerelle raises on purpose.

    The message says what was wrong, what is allowed, and what to type next.
    """

    exit_code = 1


class UserError(PasserelleError):
    """Something that the user can put right."""

    exit_code = 2


class ConfigError(UserError):
    """An experiment file or a command-line option is wrong."""


class InputError(UserError):
    """A file, a picture or a text is missing or unusable."""


class MissingDependency(UserError):
    """A program, a package or a language pair isn't installed; the message says how to get it."""


class RunError(PasserelleError):
    """The run failed for a reason outside of what the user typed."""


class StorageError(RunError):
    """The disk is full, or a folder can't be written."""


class EngineStopped(RunError):
    """A translation engine can't go on.

    Attributes:
        translations: What it finished of the texts that it was given; it may have been paid for.
    """

    def __init__(self, message: str, translations: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.translations = dict(translations or {})


class BudgetSpent(EngineStopped):
    """What the user allowed a translation engine to cost is used up."""


class TrainingError(RunError):
    """Training can't go on: the loss isn't finite, or nothing is trainable."""


def to_install(
    target: str, package: str = "", *, debian: Iterable[str] = (), language: str = "", commands: Iterable[str] = ()
) -> str:
    """Say what to type to get what is missing; every message says it so.

    Args:
        target: What `passerelle setup` takes: ``quality``, or an extra of Passerelle.
        package: What pip is to install, where it is no extra of Passerelle.
        debian: The packages of Debian, where it is no Python package.
        language: Code of the language to adapt to, where what is installed depends on it.
        commands: What one would type, where it takes more than one command.
    """
    whole = f"passerelle setup {target}{f' --to {language}' if language else ''}"
    if debian:
        return f"{whole}, or sudo apt-get install --no-install-recommends {' '.join(debian)}"
    if commands:
        return f"{whole}, or {' && '.join(commands)}"
    return f"{whole}, or pip install {package or repr(f'passerelle[{target}]')}"


def unknown(what: str, value: object, allowed: Iterable[str]) -> str:
    """Say that `value` is not one of `allowed`, naming the nearest valid name.

    Args:
        what: The noun, as in "arm" or "language".
        value: What was given.
        allowed: All valid names.

    Returns:
        One sentence for an error message.
    """
    names = sorted(allowed)
    near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"unknown {what} {value!r}.{hint} Allowed: {', '.join(names)}."


def first_line(error: Exception) -> str:
    """Return the first line of what an error of another library says, or its kind where it says nothing."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
