from __future__ import annotations

import contextlib
import os
import sys
import termios

import pytest

from passerelle.commands.translate_progress import ShownProgress, duration
from passerelle.endpoints.budget import Spent
from passerelle.progress import Progress as Bar
from passerelle.translation.dataset.counted import Needed
from passerelle.translation.dataset.runner import Progress
from passerelle.translation.dataset.tally import Tally


def progress(rows: int, total: int | None = 1000, spent: Spent | None = None) -> Progress:
    return Progress(total, Tally(rows=rows), Needed(from_memory=4000, translated=rows), spent)


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_any_work_writes_a_line_now_and_then_where_no_terminal_watches(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Bar("training", "step", clock) as shown:
        shown(1, 1000)
        clock.seconds = 31
        shown(20, 1000, 1.25)
        shown(21, 1000, 1.25)
    assert capsys.readouterr().err == "training\ntraining: 20 of 1,000, loss 1.250\n"


def test_where_no_terminal_watches_a_line_comes_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    shown = ShownProgress(clock)
    shown(progress(500))
    assert capsys.readouterr().err == ""
    clock.seconds = 31
    shown(progress(620))
    assert capsys.readouterr().err == (
        "620 of 1,000 rows, 20.0 rows/s, 19 seconds left, 4,000 from memory, 620 translated\n"
    )
    clock.seconds = 60
    shown(progress(630))
    assert capsys.readouterr().err == ""
    clock.seconds = 62
    shown(progress(682))  # 2 rows a second since the last line
    assert capsys.readouterr().err.startswith("682 of 1,000 rows, 2.0 rows/s, 3 minutes left,")
    assert shown.translated == 682
    shown.close()


def test_a_line_says_no_more_than_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    shown = ShownProgress(clock)
    expected = [
        (0, None, "0 rows, 4,000"),
        (0, 1000, "0 of 1,000 rows, 4,000"),
        (64, None, "64 rows, 2.0 rows/s, 4,000"),
    ]
    for rows, total, said in expected:
        clock.seconds += 32
        shown(progress(rows, total))
        assert capsys.readouterr().err.startswith(said)


def test_costs_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    shown = ShownProgress(clock)
    clock.seconds = 40
    shown(progress(100, spent=Spent(requests=3, input_tokens=10, output_tokens=20, cost=1.5)))
    assert capsys.readouterr().err.endswith("translated, cost 1.50\n")


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    controller, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, 120))
    with os.fdopen(terminal, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        shown = ShownProgress()
        shown(progress(0, total=None))
        shown(progress(500))
        shown._bar.refresh()
        shown.close()
        os.set_blocking(controller, False)
        written = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                written += os.read(controller, 10_000)
    os.close(controller)
    assert b"500/1000" in written and b"4,000 from memory, 500 translated" in written


@pytest.mark.parametrize(("seconds", "said"), [(3.4, "3 seconds"), (600, "10 minutes"), (9000, "2.5 hours")])
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said
