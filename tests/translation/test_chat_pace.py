"""How many requests are under way follows what a server can do; the server is simulated, with a clock of its own."""

from __future__ import annotations

import heapq
import threading
from contextlib import ExitStack

import pytest

from passerelle.endpoints.pace import MOST, Pace


def settled(able: int, requests: int, fixed: int = 0) -> int:
    """Send requests to a server that computes so many at once in one second each; return the room that was found."""
    now = 0.0
    pace = Pace(fixed, lambda: now)
    # Others always wait: the threads that would are counted, not started.
    pace._waiting = 1
    under_way: list[tuple[float, int]] = []
    free_at = [0.0] * able
    slots: dict[int, ExitStack] = {}
    for number in range(requests):
        while len(under_way) >= pace.room:
            now, ended = heapq.heappop(under_way)
            slots.pop(ended).close()
        slots[number] = ExitStack()
        slots[number].enter_context(pace.slot(100))
        begins = max(now, heapq.heappop(free_at))
        heapq.heappush(free_at, begins + 1.0)
        heapq.heappush(under_way, (begins + 1.0, number))
    return pace.room


@pytest.mark.parametrize(("able", "found"), [(1, 4), (4, 4), (8, 8), (16, 16), (30, 32), (1000, MOST)])
def test_the_room_is_what_the_server_can_do(able: int, found: int) -> None:
    assert settled(able, 600) == found


def test_a_number_that_is_given_is_kept() -> None:
    assert settled(16, 200, fixed=3) == 3


def test_a_busy_server_halves_the_room_once_for_all_that_it_sent_away() -> None:
    pace = Pace()
    with pace.slot(1) as one, pace.slot(1) as other:
        one()
        other()
    assert pace.room == 2
    with pace.slot(1) as again:
        again()
    assert pace.room == 1


def test_a_few_requests_tell_nothing() -> None:
    pace = Pace()
    for _ in range(100):
        with pace.slot(10):
            pass
    assert pace.room == 4


def test_a_request_waits_for_room_and_gives_it_back_at_an_error() -> None:
    pace = Pace(1)
    entered = threading.Event()

    def other() -> None:
        with pace.slot(1):
            entered.set()

    with pytest.raises(ValueError, match="lost"), pace.slot(1):
        thread = threading.Thread(target=other)
        thread.start()
        assert not entered.wait(0.1)
        raise ValueError("lost")
    assert entered.wait(5)
    thread.join()
