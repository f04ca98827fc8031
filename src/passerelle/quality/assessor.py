"""Ask every check about every pair, each different pair once, and keep the answers."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from passerelle.crews.base import Crew
from passerelle.quality.asking import Asked, ChecksBetween, Prepared, Said, ask
from passerelle.quality.base import Check, Finding, Pair
from passerelle.quality.markup import without_markup
from passerelle.quality.store import AssessmentStore
from passerelle.runs import content_hash, file_hash

BATCH = 500
BATCH_OF_WORKER = 250
"""Smaller, so that workers are done at about the same time."""
_VERSION = 1
_Batch = Mapping[str, Sequence[str]]
"""The keys of the pairs that each check is asked about, by its name."""


class Assessor:
    """Asks checks about pairs.

    Attributes:
        checks: The checks.
        seconds: What each has taken so far, by name; with workers, of all of them together.
        from_store: How many of its findings were known before, by name.
    """

    def __init__(
        self,
        checks: Sequence[Check],
        store: AssessmentStore | None = None,
        crew: Crew | None = None,
        tools: ChecksBetween | None = None,
    ) -> None:
        """Take the checks, where their findings are kept between runs, and who asks them.

        Args:
            checks: The checks.
            store: What they found before; nothing is kept without it.
            crew: Workers that ask them; this process does if ``None``.
            tools: Makes the same checks in a worker; needed with a crew.
        """
        self.checks = list(checks)
        self.seconds: dict[str, float] = {check.name: 0.0 for check in checks}
        self.from_store: dict[str, int] = {check.name: 0 for check in checks}
        self._store, self._crew, self._tools = store, crew, tools

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
        known = {check.name: self._known(check, shown[check.name].pairs) for check in checks}
        total = sum(len(each.pairs) for each in shown.values())
        with tqdm(total=total, desc="checks", unit="pair", disable=quiet or None, leave=False) as bar:
            bar.update(sum(map(len, known.values())))
            fresh = {each: [key for key in shown[each.name].pairs if key not in known[each.name]] for each in checks}
            for check, made in self._answers(fresh, shown):
                if (store := self._store_of(check)) is not None:
                    store.keep(made, check.signature)
                known[check.name] |= made
                bar.set_postfix_str(check.name, refresh=False)
                bar.update(len(made))
        return {name: [known[name][key] for key in each.keys] for name, each in shown.items()}

    def _answers(
        self, fresh: Mapping[Check, Sequence[str]], shown: Mapping[str, _Keyed]
    ) -> Iterator[tuple[Check, dict[str, Finding]]]:
        """Yield what checks say of fresh pairs, batch by batch, by the pairs' keys."""
        by_name = {check.name: check for check in fresh}
        # Who keeps replies itself pays for them, and minds a budget: that is one process.
        given = {check: keys for check, keys in fresh.items() if self._crew and not _keeps_itself(check)}
        own = {check: keys for check, keys in fresh.items() if check not in given}

        def asked(batch: Mapping[str, Sequence[str]]) -> Asked:
            return {name: [shown[name].pairs[key] for key in keys] for name, keys in batch.items()}

        def made(batches: Sequence[_Batch], said: Iterable[Said]) -> Iterator[tuple[Check, dict[str, Finding]]]:
            for batch, (findings, seconds) in zip(batches, said, strict=True):
                for name, keys in batch.items():
                    self.seconds[name] += seconds[name]
                    yield by_name[name], dict(zip(keys, findings[name], strict=True))

        if given and self._crew is not None:
            assert self._tools is not None, "workers need what makes their checks"
            batches = _side_by_side(given, shown)
            yield from made(batches, self._crew.work(self._tools, map(asked, batches)))
        for check, keys in own.items():
            if keys and isinstance(check, Prepared):
                check.prepare()
        batches = [{check.name: part} for check, keys in own.items() for part in _parts(keys, BATCH)]
        yield from made(batches, map(partial(ask, by_name), map(asked, batches)))

    def _store_of(self, check: Check) -> AssessmentStore | None:
        return None if _keeps_itself(check) else self._store

    def _known(self, check: Check, pairs: Mapping[str, Pair]) -> dict[str, Finding]:
        began = time.perf_counter()
        store = self._store_of(check)
        found = {} if store is None else store.find(list(pairs), check.signature)
        self.from_store[check.name] += len(found)
        self.seconds[check.name] += time.perf_counter() - began
        return found


def _keeps_itself(check: Check) -> bool:
    return getattr(check, "keeps_itself", False)


class _Keyed(NamedTuple):
    """The key of each pair, and the different pairs by key."""

    keys: list[str]
    pairs: dict[str, Pair]


def _keyed(pairs: Sequence[Pair]) -> _Keyed:
    keys = [pair_key(pair) for pair in pairs]
    return _Keyed(keys, dict(zip(keys, pairs, strict=True)))


def _parts(keys: Sequence[str], size: int) -> list[Sequence[str]]:
    return [keys[start : start + size] for start in range(0, len(keys), size)]


def _side_by_side(fresh: Mapping[Check, Sequence[str]], shown: Mapping[str, _Keyed]) -> list[_Batch]:
    """Cut pairs into batches that all checks are asked about: what one has looked up, the next one has at hand."""
    left = {check.name: set(keys) for check, keys in fresh.items()}
    batches: list[_Batch] = []
    for start in range(0, max(len(each.keys) for each in shown.values()), BATCH_OF_WORKER):
        batch: dict[str, Sequence[str]] = {}
        for name, keys in left.items():
            ours = shown[name].keys[start : start + BATCH_OF_WORKER]
            batch[name] = [key for key in dict.fromkeys(ours) if key in keys]
            keys.difference_update(batch[name])
        if any(batch.values()):
            batches.append({name: keys for name, keys in batch.items() if keys})
    return batches


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
            picture,
        ]
    )


@lru_cache(maxsize=65536)
def _picture_hash(path: Path) -> str:
    return file_hash(path) if path.is_file() else ""
