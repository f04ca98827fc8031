"""Ask every check about every pair, each different pair once, and keep the answers."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from tqdm import tqdm

from passerelle.quality.base import Check, Finding, Pair
from passerelle.quality.markup import without_markup
from passerelle.quality.store import AssessmentStore
from passerelle.runs import content_hash, file_hash

BATCH = 500
_VERSION = 1


@runtime_checkable
class Prepared(Protocol):
    """A check that can begin to make ready beside this process, before it is asked."""

    def prepare(self) -> None:
        """Begin; what fails is said when it is asked."""
        ...


class Assessor:
    """Asks checks about pairs.

    Attributes:
        checks: The checks.
        seconds: What each has taken so far, by name.
        from_store: How many of its findings were known before, by name.
    """

    def __init__(self, checks: Sequence[Check], store: AssessmentStore | None = None) -> None:
        """Take the checks, and where their findings are kept between runs."""
        self.checks = list(checks)
        self.seconds: dict[str, float] = {check.name: 0.0 for check in checks}
        self.from_store: dict[str, int] = {check.name: 0 for check in checks}
        self._store = store

    def assess(
        self, pairs: Sequence[Pair], quiet: bool = False, names: Collection[str] | None = None
    ) -> dict[str, list[Finding]]:
        """Assess pairs, by the quick checks first: what a slow one runs beside this process starts meanwhile.

        Findings are kept after each batch, so that a run that was stopped goes on from there.

        Args:
            pairs: Any pairs; of those that are alike one is looked at.
            quiet: Show no progress bar.
            names: Of the checks that are asked; all if ``None``.

        Returns:
            For each check its findings, one for each pair, in order.

        Raises:
            RunError: An engine or a model that a check needs failed.
            StorageError: The store can't be used.
        """
        whole, bare = _keyed(pairs), _keyed([without_markup(pair) for pair in pairs])
        checks = [check for check in self.checks if names is None or check.name in names]
        shown = {check.name: whole if getattr(check, "sees_markup", False) else bare for check in checks}
        known = {check.name: self._known(check, shown[check.name][1]) for check in checks}
        for check in checks:
            if isinstance(check, Prepared) and len(known[check.name]) < len(shown[check.name][1]):
                check.prepare()
        found: dict[str, list[Finding]] = {}
        total = sum(len(unique) for _, unique in shown.values())
        with tqdm(total=total, desc="checks", unit="pair", disable=quiet or None, leave=False) as bar:
            for check in checks:
                bar.set_postfix_str(check.name)
                keys, unique = shown[check.name]
                self._ask(check, unique, known[check.name], bar)
                found[check.name] = [known[check.name][key] for key in keys]
        return found

    def _store_of(self, check: Check) -> AssessmentStore | None:
        return None if getattr(check, "keeps_itself", False) else self._store

    def _known(self, check: Check, pairs: Mapping[str, Pair]) -> dict[str, Finding]:
        began = time.perf_counter()
        store = self._store_of(check)
        found = {} if store is None else store.find(list(pairs), check.signature)
        self.from_store[check.name] += len(found)
        self.seconds[check.name] += time.perf_counter() - began
        return found

    def _ask(self, check: Check, pairs: Mapping[str, Pair], known: dict[str, Finding], bar: tqdm[Any]) -> None:
        """Add to what is known what the check says of the other pairs."""
        began = time.perf_counter()
        store = self._store_of(check)
        bar.update(len(known))
        fresh = [key for key in pairs if key not in known]
        for start in range(0, len(fresh), BATCH):
            batch = fresh[start : start + BATCH]
            made = dict(zip(batch, check.assess([pairs[key] for key in batch]), strict=True))
            if store is not None:
                store.keep(made, check.signature)
            known |= made
            bar.update(len(batch))
        self.seconds[check.name] += time.perf_counter() - began


def _keyed(pairs: Sequence[Pair]) -> tuple[list[str], dict[str, Pair]]:
    """Return the key of each pair, and the different ones by key."""
    keys = [pair_key(pair) for pair in pairs]
    return keys, dict(zip(keys, pairs, strict=True))


def pair_key(pair: Pair) -> str:
    """Return what tells pairs apart that a check may judge differently: all but category and cluster."""
    picture = "" if pair.picture is None else _picture_hash(pair.picture)
    return content_hash(
        [
            _VERSION,
            pair.source,
            pair.target,
            pair.source_language,
            pair.target_language,
            pair.field,
            pair.marked,
            picture,
        ]
    )


@lru_cache(maxsize=65536)
def _picture_hash(path: Path) -> str:
    return file_hash(path) if path.is_file() else ""
