"""Figures of a training for TensorBoard, Weights & Biases, MLflow or trackio, through Accelerate."""

from __future__ import annotations

from typing import Any

from passerelle.adaptation.settings import AdaptSettings
from passerelle.errors import MissingDependency, to_install


class Trackers:
    """The trackers that ``report_to`` names; none on other processes than the first.

    Raises:
        MissingDependency: A tracker's package isn't installed.
    """

    def __init__(self, settings: AdaptSettings, first: bool) -> None:
        self._open: list[Any] = []
        if not first or not settings.report_to:
            return
        from accelerate.tracking import LOGGER_TYPE_TO_CLASS

        for name in settings.report_to:
            kind = LOGGER_TYPE_TO_CLASS[name]
            options = {"logging_dir": str(settings.output_dir / "logs")} if kind.requires_logging_directory else {}
            try:
                tracker = kind(settings.output_dir.name, **options)
                tracker.start() if hasattr(tracker, "start") else None
            except (ImportError, NameError):
                raise MissingDependency(
                    f"report_to names {name!r}, which isn't installed: {to_install(name, name)}"
                ) from None
            self._open.append(tracker)

    def log(self, values: dict[str, float], step: int) -> None:
        """Report figures of a step."""
        for tracker in self._open:
            tracker.log(values, step=step)

    def close(self) -> None:
        """End the reports."""
        for tracker in self._open:
            tracker.finish()
        self._open = []
