"""The ledger: operations as torch counts them, seconds added up, memory at its peak."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

from passerelle.costs.flops import AlikeMeter, FlopMeter
from passerelle.costs.ledger import Phase, forget_peak_memory, measured, peak_memory_bytes
from passerelle.costs.summary import cost_of


def product() -> torch.Tensor:
    return torch.ones(4, 8) @ torch.ones(8, 16)


def test_a_product_costs_two_operations_an_entry() -> None:
    meter = FlopMeter()
    result = meter.run(10, product)
    assert result.tolist() == [[8.0] * 16] * 4
    assert meter.flops == 2 * 4 * 8 * 16


def test_uncounted_calls_are_taken_at_the_rate_per_token() -> None:
    meter = FlopMeter(every=3)
    calls: list[int] = []
    for tokens in (10, 20, 30, 40):
        meter.run(tokens, lambda: (calls.append(1), product()))
    # Calls 1 and 4 were counted: 50 tokens of 100.
    assert len(calls) == 4
    assert (meter.calls, meter.tokens, meter.counted_tokens) == (4, 100, 50)
    assert meter.flops == pytest.approx(2 * 1024 / 50 * 100)


def test_what_is_alike_is_counted_once_and_taken_as_often_as_it_is_done() -> None:
    meter = AlikeMeter({})
    for rows in (4, 5, 4, 4):
        assert meter.run(rows, lambda rows=rows: torch.ones(rows, 8) @ torch.ones(8, 16)).shape == (rows, 16)
    assert meter.taken() == {"other forward": 2 * (4 + 5 + 4 + 4) * 8 * 16}
    assert meter.taken() == {}
    meter.run(4, lambda: None)
    assert meter.taken() == {"other forward": 2 * 4 * 8 * 16}, "what is said to be alike isn't counted again"


def test_nothing_costs_nothing() -> None:
    assert FlopMeter().flops == 0.0


@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_counted(masked: bool) -> None:
    query, key, value = (torch.randn(2, 3, n, 8, requires_grad=True) for n in (5, 7, 7))
    mask: Any = torch.ones(2, 1, 5, 7, dtype=torch.bool) if masked else None
    meter = FlopMeter()
    meter.run(1, lambda: scaled_dot_product_attention(query, key, value, attn_mask=mask))
    forward = 2 * (2 * 2 * 3 * 5 * 7 * 8)
    assert meter.flops == forward
    training = FlopMeter()
    training.run(1, lambda: scaled_dot_product_attention(query, key, value, attn_mask=mask).sum().backward())
    assert 2 * forward <= training.flops - forward <= 2.5 * forward


def test_training_costs_three_times_a_forward_pass() -> None:
    layer = torch.nn.Linear(8, 16, bias=False)
    inputs = torch.ones(4, 8, requires_grad=True)
    meter = FlopMeter()
    meter.run(4, lambda: layer(inputs).sum().backward())
    assert meter.flops == 3 * 2 * 4 * 8 * 16


def test_operations_are_told_apart_by_part_and_pass_as_counted_by_hand() -> None:
    """Three rows through a frozen tower 8→16, a projector 16→4, two language layers 4→4 recomputed, a head 4→10."""
    tower, projector, head = (torch.nn.Linear(*size) for size in ((8, 16), (16, 4), (4, 10)))
    language = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
    tower.requires_grad_(False)
    meter = FlopMeter()
    layers = dict.fromkeys(language.modules(), "language")
    meter.tell_apart({tower: "tower", projector: "projector", **layers, head: "head"})

    def step() -> None:
        shown = projector(tower(torch.ones(3, 8)))
        spoken: Any = checkpoint(language, shown, use_reentrant=False)
        (head(spoken) @ torch.ones(10, 1)).sum().backward()

    meter.run(3, step)
    rows = 2 * 3
    by_hand = {
        "tower forward": rows * 8 * 16,
        "projector forward": rows * 16 * 4,
        "projector backward": rows * 16 * 4,  # of its weights only: nothing before it is trained
        "language forward": 2 * rows * 4 * 4,
        "language recomputed": rows * 4 * 4,  # of the last layer nothing is needed but what comes in
        "language backward": 2 * 2 * rows * 4 * 4,
        "head forward": rows * 4 * 10,
        "head backward": 2 * rows * 4 * 10,
        "other forward": rows * 10 * 1,
        "other backward": rows * 10 * 1,  # of what comes in; the ones aren't trained
    }
    assert meter.flops_by_part == by_hand and meter.flops == sum(by_hand.values())
    again = FlopMeter(**asdict(meter))
    assert again.flops_by_part == by_hand, "as a checkpoint keeps it"


def test_seconds_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 11.5, 20.0, 20.25])
    monkeypatch.setattr("passerelle.costs.clocks.time.perf_counter", lambda: next(clock))
    phase = Phase("training")
    with measured(phase) as same:
        assert same is phase
    with pytest.raises(ValueError, match="it broke"), measured(phase):
        raise ValueError("it broke")
    assert phase.seconds == 1.75


def test_peak_memory_sees_what_was_given_back() -> None:
    phase, size = Phase("training"), 200_000_000
    forget_peak_memory()
    before = peak_memory_bytes()
    with measured(phase):
        held = bytearray(size)
        for place in range(0, size, 4096):
            held[place] = 1
        del held
    assert 0.9 * size < phase.peak_bytes - before < 2 * size
    later = Phase("answers")
    with measured(later):
        pass
    assert later.peak_bytes < phase.peak_bytes - 0.5 * size, "each phase has its own peak"


def test_what_a_device_held_at_most_is_known_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with measured(Phase("training")) as without:
        pass
    assert without.device_peak_bytes is None or torch.cuda.is_initialized()
    held, phase = {"now": 7}, Phase("training")
    with monkeypatch.context() as fake:
        fake.setattr(torch.cuda, "is_initialized", lambda: True)
        fake.setattr(torch.cuda, "reset_peak_memory_stats", lambda: held.update(now=0))
        fake.setattr(torch.cuda, "max_memory_allocated", lambda: held["now"])
        for most in (300, 200):
            with measured(phase):
                assert held["now"] == 0, "each phase has its own peak"
                held["now"] = most
    assert phase.device_peak_bytes == 300 and Phase.read(phase.to_dict()) == phase
    cost = cost_of([[phase, Phase("data")], [Phase("training", device_peak_bytes=400), Phase("data")]], {}, "fr")
    assert (cost["device_peak_bytes"], cost["phases"][1]["device_peak_bytes"]) == (400, None)


def test_a_phase_is_plain_json() -> None:
    phase = Phase("training", seconds=1.5, tokens=3)
    assert Phase(**phase.to_dict()) == phase
