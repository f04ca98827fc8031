"""The estimate: the probability that a native reader would accept a translation, from what the checks found.

The model is a small file of numbers, boosted decision trees and a line through their log-odds, so using it needs
no learning library and nothing is executed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from passerelle.errors import InputError
from passerelle.quality.estimate.features import TEXT, Findings, FloatArray, check_of, matrix
from passerelle.quality.estimate.likeness import Kinds

FORMAT = "passerelle calibration 2"
OLDER = ("passerelle calibration 1",)
"""Formats that are read too: they don't say what the data of the fit were like."""
SHIPPED = "calibration-{source}-{target}.json"


@dataclass(frozen=True)
class Tree:
    """A decision tree; node 0 is the root.

    Attributes:
        feature: The column that a node splits by [nodes]; -1 for a leaf.
        threshold: Up to this, go left [nodes].
        left: Left child [nodes].
        right: Right child [nodes].
        value: Log-odds of a leaf; of other nodes, the mean of the leaves below by training pairs [nodes].
    """

    feature: NDArray[np.int64]
    threshold: FloatArray
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: FloatArray

    def add_contributions(self, table: NDArray[np.float32], to: FloatArray) -> None:
        """Add what each split on a row's way changed to its column [rows, columns]."""
        rows = np.arange(len(table))
        node = np.zeros(len(table), dtype=np.int64)
        while len(rows):
            inner = self.feature[node] >= 0
            rows, node = rows[inner], node[inner]
            goes_left = table[rows, self.feature[node]] <= self.threshold[node]
            below = np.where(goes_left, self.left[node], self.right[node])
            to[rows, self.feature[node]] += self.value[below] - self.value[node]
            node = below


class Estimate:
    """A fitted model of acceptance.

    Attributes:
        features: The columns that it reads; see `passerelle.quality.estimate.features`.
        provenance: What it was fitted on and how well it did, as the file holds it.
        kinds: What the data of the fit were like; ``None`` in a file of an older version.
        quick: The same estimate from the quick checks alone; ``None`` in a file that has none.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        """Read a model.

        Args:
            content: What a calibration file holds.

        Raises:
            InputError: It is of another format, or parts are missing.
        """
        if content.get("format") not in (FORMAT, *OLDER):
            raise InputError(
                f"not a calibration file of this version: format is {content.get('format')!r}, not {FORMAT!r}"
            )
        try:
            self.features: list[str] = list(content["features"])
            self.provenance: dict[str, Any] = dict(content["provenance"])
            self._medians = np.array([float(median) for median in content["medians"]])
            self._base = float(content["base"])
            self._slope, self._intercept = (float(content["calibration"][key]) for key in ("slope", "intercept"))
            self._trees = [read_tree(each) for each in content["trees"]]
            known = content["kinds"] if content["format"] == FORMAT else None
            self.kinds = None if known is None else Kinds(known)
            quick = content.get("quick")
            self.quick = None if quick is None else Estimate({**content, **quick, "kinds": None, "quick": None})
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"a part of the calibration file is missing or broken: {error}") from error
        widest = max((int(tree.feature.max()) for tree in self._trees), default=-1)
        if self._medians.shape != (len(self.features),) or widest >= 2 * len(self.features):
            raise InputError("the calibration file's parts don't fit together; fit it again")

    @classmethod
    def load(cls, path: Path) -> Estimate:
        """Read a calibration file.

        Raises:
            InputError: The file is missing, is no JSON, or is no calibration.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"can't read the calibration {str(path)!r}: {error.strerror}") from error
        except ValueError as error:
            raise InputError(f"{str(path)!r} is no JSON: {error}") from error
        if not isinstance(content, dict):
            raise InputError(f"{str(path)!r} is no calibration file: it holds no object")
        return cls(content)

    @classmethod
    def shipped(cls, source: str, target: str) -> Estimate | None:
        """Return the calibration that comes with Passerelle for two languages (BCP-47); ``None`` without one."""
        file = files("passerelle.data").joinpath(SHIPPED.format(source=source, target=target))
        return cls(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None

    @staticmethod
    def shipped_targets(source: str) -> list[str]:
        """Return the languages (BCP-47) to which a calibration comes with Passerelle."""
        begin, _, end = SHIPPED.format(source=source, target="/").partition("/")
        names = (file.name for file in files("passerelle.data").iterdir())
        return sorted(name[len(begin) : -len(end)] for name in names if name.startswith(begin) and name.endswith(end))

    @property
    def checks(self) -> list[str]:
        """Names of the checks that it reads."""
        return sorted({check_of(name) for name in self.features} - {TEXT})

    def missing(self, findings: Findings) -> list[str]:
        """Return the checks that it was fitted with but that say nothing here, by name: a reader should be told."""
        return [
            check
            for check in self.checks
            if not any(finding.is_known or finding.values for finding in findings.get(check, ()))
        ]

    def probability(self, findings: Findings) -> FloatArray:
        """Estimate the probability (0..1) that a native reader would accept each pair [pairs].

        A check that is missing or can't say counts as an average one did in the fit.

        Args:
            findings: For each check its findings, one for each pair.
        """
        log_odds = self._base + self._by_column(findings).sum(axis=1)
        return np.asarray(1 / (1 + np.exp(-(self._slope * log_odds + self._intercept))), dtype=np.float64)

    def contributions(self, findings: Findings) -> dict[str, FloatArray]:
        """Say how many log-odds each check moved each pair, by check [pairs].

        Their sum is the distance between a pair's log-odds and those of the average pair of the fit. What a
        split changes is given to the check that it splits by (Saabas 2014), which is exact but depends on the
        order of the splits.
        """
        by_column = self._slope * self._by_column(findings)
        sums: dict[str, FloatArray] = {check_of(name): np.zeros(len(by_column)) for name in self.features}
        for column, name in enumerate([*self.features, *self.features]):
            sums[check_of(name)] = sums[check_of(name)] + by_column[:, column]
        return sums

    def _by_column(self, findings: Findings) -> FloatArray:
        table = imputed(matrix(findings, self.features), self._medians)
        moved = np.zeros(table.shape)
        for tree in self._trees:
            tree.add_contributions(table, moved)
        return moved


def imputed(table: FloatArray, medians: FloatArray) -> NDArray[np.float32]:
    """Put medians where a value is missing, and a column that says so for each [pairs, 2 * features]."""
    missing = np.isnan(table)
    return np.hstack([np.where(missing, medians, table), missing]).astype(np.float32)


def read_tree(content: Mapping[str, Sequence[float]]) -> Tree:
    """Read a tree out of a file's lists.

    Raises:
        KeyError: A part is missing.
        ValueError: The nodes aren't in order.
    """

    def whole(name: str) -> NDArray[np.int64]:
        return np.array(content[name], dtype=np.int64)

    tree = Tree(
        whole("feature"),
        np.array(content["threshold"], dtype=np.float64),
        whole("left"),
        whole("right"),
        np.array(content["value"], dtype=np.float64),
    )
    inner = tree.feature >= 0
    own = np.arange(len(tree.feature))[inner]
    for child in (tree.left[inner], tree.right[inner]):
        if (child <= own).any() or (child >= len(tree.feature)).any():
            raise ValueError("a tree's nodes aren't in order")
    return tree
