"""Rules of merging: numbers worked out by hand, invariants, PEFT's functions and mergekit's numbers."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft.utils import merge_utils as peft_merging
from torch import Tensor

from passerelle.models.merging.rules import (
    RULES,
    TOKEN_TABLES,
    MergeSettings,
    dare,
    direction_magnitude,
    disjoint_mean,
    drop_and_rescale,
    linear,
    ties,
    trim,
)

BASE = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])
FIRST = torch.tensor([[1.9, -2.2, 0.1], [0.7, 2.5, -1.3]])
SECOND = torch.tensor([[0.7, -1.2, 0.6], [0.6, 2.9, -2.6]])

numbers = st.floats(-100, 100, width=32)
matrices = st.integers(1, 4).flatmap(
    lambda columns: st.lists(st.lists(numbers, min_size=2 * columns, max_size=2 * columns), min_size=1, max_size=4)
)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    rows = torch.tensor(draw(matrices))
    first, second = rows.chunk(2, dim=1)
    return first.contiguous(), second.contiguous()


def close(one: Tensor, other: Tensor, atol: float = 1e-5) -> None:
    torch.testing.assert_close(one, other, rtol=1e-5, atol=atol)


def test_linear_by_hand() -> None:
    # 0.4 · 1.0 + 0.6 · (0.25 · 1.9 + 0.75 · 0.7) = 0.4 + 0.285 + 0.315 = 1.0
    merged = linear("w", BASE, [FIRST, SECOND], MergeSettings(weight=0.6, shares=(1, 3)))
    assert merged[0, 0].item() == pytest.approx(1.0)
    # beyond the adapted model: 1 + 1.5 · 0.9
    assert linear("w", BASE, [FIRST], MergeSettings(weight=1.5))[0, 0].item() == pytest.approx(2.35)


def test_trim_by_hand() -> None:
    vector = torch.tensor([[3.0, -0.5, 0.0], [-2.0, 1.0, 0.25]])
    assert trim(vector, 0.5).tolist() == [[3.0, 0.0, 0.0], [-2.0, 1.0, 0.0]]
    assert trim(vector, 0.34).tolist() == [[3.0, 0.0, 0.0], [-2.0, 0.0, 0.0]]
    assert trim(vector, 0.01).tolist() == [[3.0, 0.0, 0.0], [0.0, 0.0, 0.0]], "one stays"
    assert torch.equal(trim(vector, 1), vector)
    assert trim(torch.tensor([2.0, -2.0, 2.0, 1.0]), 0.25).tolist() == [2.0, -2.0, 2.0, 0.0], "equal ones stay together"
    assert trim(torch.tensor(-3.0), 0.2).item() == -3.0
    assert trim(torch.empty(0), 0.2).numel() == 0


def test_disjoint_mean_by_hand() -> None:
    vectors = [torch.tensor([4.0, 1.0, 0.0, -1.0, 2.0, 0.0]), torch.tensor([2.0, -3.0, 5.0, 1.0, -2.0, 0.0])]
    # signs of the sums: 6, −2, 5, 0 (positive), 0 (positive), 0
    assert disjoint_mean(vectors, [0.5, 0.5]).tolist() == [3.0, -3.0, 5.0, 1.0, 2.0, 0.0]
    # at 0.8 and 0.2 the sums are 3.6, 0.2, 1, −0.6, 1.2, 0, and (0.8 · 4 + 0.2 · 2) / 1 = 3.6
    close(disjoint_mean(vectors, [0.8, 0.2]), torch.tensor([3.6, 1.0, 5.0, -1.0, 2.0, 0.0]))


def test_ties_by_hand() -> None:
    # of the task vectors 0.9 −0.2 −0.4 | 0.7 −0.5 −0.3 and −0.3 0.8 0.1 | 0.6 −0.1 −1.6 the three largest stay;
    # no two that stay differ in sign; only at 0.7 and 0.6 do both stay: (0.7 + 0.6) / 2
    expected = BASE + 0.8 * torch.tensor([[0.9, 0.8, 0.0], [0.65, -0.5, -1.6]])
    close(ties("w", BASE, [FIRST, SECOND], MergeSettings(weight=0.8, density=0.5)), expected)


def test_direction_and_magnitude_by_hand() -> None:
    base, other = torch.tensor([[3.0, 0.0], [0.0, 2.0]]), torch.tensor([[0.0, 0.0], [1.0, 4.0]])
    merged = direction_magnitude("w", base, [other], MergeSettings(weight=0.5))
    # first column: from 3 to the right to 1 up, so 2 at 45°; second: the same direction, 2 and 4
    close(merged, torch.tensor([[math.sqrt(2), 0.0], [math.sqrt(2), 3.0]]))
    third = direction_magnitude("w", base, [other], MergeSettings(weight=1 / 3))
    close(third[:, 0], 7 / 3 * torch.tensor([math.cos(math.pi / 6), math.sin(math.pi / 6)]))


def test_direction_and_magnitude_take_each_kind_in_its_way() -> None:
    half = MergeSettings(weight=0.5)
    base, other = torch.tensor([[3.0, 0.0], [0.0, 2.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    by_rows = direction_magnitude("model.language_model.embed_tokens.weight", base, [other], half)
    close(by_rows, direction_magnitude("w", base.T, [other.T], half).T)
    close(by_rows[0], torch.tensor([math.sqrt(2), math.sqrt(2)]))
    assert direction_magnitude("norm.weight", base[0], [other[0]], half).tolist() == [1.5, 0.5]
    stack = direction_magnitude("experts", torch.stack([base, other]), [torch.stack([other, base])], half)
    close(stack[0], direction_magnitude("w", base, [other], half))
    kernel = torch.ones(1, 1, 1, 2)
    assert direction_magnitude("kernel", kernel, [kernel * 3], half).flatten().tolist() == [2.0, 2.0]


def test_directions_that_have_no_way_between_them() -> None:
    base = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    other = torch.tensor([[-1.0, 0.0, 3.0], [0.0, 0.0, 4.0]])
    merged = direction_magnitude("w", base, [other], MergeSettings(weight=0.25))
    close(merged, torch.tensor([[1.25, 0.0, 0.75], [0.0, 0.0, 1.0]]))


def test_small_angles_keep_their_digits() -> None:
    angle = 1e-4
    base = torch.tensor([[1.0], [0.0]])
    other = torch.tensor([[math.cos(angle)], [math.sin(angle)]])
    merged = direction_magnitude("w", base, [other], MergeSettings(weight=0.5))
    assert merged[1, 0].item() == pytest.approx(math.sin(angle / 2), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "is_table"),
    [
        ("model.language_model.embed_tokens.weight", True),
        ("lm_head.weight", True),
        ("transformer.wte.weight", True),
        ("model.layers.0.mlp.down_proj.weight", False),
        ("model.embed_tokens_norm.weight", False),
    ],
)
def test_token_tables(name: str, is_table: bool) -> None:
    import re

    assert bool(re.fullmatch(TOKEN_TABLES, name)) == is_table


def test_mergekits_numbers() -> None:
    """Numbers of mergekit 0.1.5 from PyPI, printed to four places.

    `GeneralizedTaskArithmeticMerge.merge_group` with sum consensus, magnitude sparsification, normalize and lambda
    0.8 (ties), with neither (task arithmetic, weights 0.15 and 0.45); and `nuslerp(0.3, …)` of the columns and of the
    rows at unit length, times lengths that were interpolated linearly.
    """
    cases = [
        (ties, {"weight": 0.8, "density": 0.5}, [[1.72, -1.36, 0.5], [0.52, 2.6, -2.28]]),
        (ties, {"weight": 0.8, "density": 0.67, "shares": (3, 1)}, [[1.72, -1.36, 0.18], [0.54, 2.6, -2.28]]),
        (linear, {"weight": 0.6, "shares": (1, 3)}, [[1.0, -1.67, 0.485], [0.375, 2.88, -1.765]]),
    ]
    for rule, chosen, expected in cases:
        close(rule("w", BASE, [FIRST, SECOND], MergeSettings(**chosen)), torch.tensor(expected), atol=6e-5)  # type: ignore[arg-type]
    columns = torch.tensor([[1.3001, -2.0701, 0.3998], [0.1382, 2.8506, -1.1036]])
    rows = torch.tensor([[1.2551, -2.0956, 0.4073], [0.2260, 2.8701, -1.1074]])
    part = MergeSettings(weight=0.3)
    close(direction_magnitude("w", BASE, [FIRST], part), columns, atol=6e-5)
    close(direction_magnitude("lm_head.weight", BASE, [FIRST], part), rows, atol=6e-5)


@pytest.fixture
def vectors() -> list[Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [torch.randn(17, 23, generator=generator) for _ in range(3)]


@pytest.mark.parametrize("density", [0.2, 0.5, 0.9])
def test_ties_is_pefts(vectors: list[Tensor], density: float) -> None:
    ours = ties("w", torch.zeros(17, 23), vectors, MergeSettings(weight=1, density=density))
    close(ours, peft_merging.ties(vectors, torch.ones(3), density))


def test_trimming_is_pefts(vectors: list[Tensor]) -> None:
    ours = torch.stack([trim(vector, 0.3) for vector in vectors]).sum(0)
    close(ours, peft_merging.magnitude_prune(vectors, torch.ones(3), 0.3))


@pytest.mark.parametrize("combine", ["linear", "ties"])
def test_dare_is_pefts(vectors: list[Tensor], combine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is dropped is chance in both: PEFT is given the masks that were drawn here."""
    chosen = MergeSettings(weight=1, drop=0.7, combine=combine, seed=11)  # type: ignore[arg-type]
    drawn: list[Tensor] = []

    def noted(vector: Tensor, drop: float, seed: int) -> Tensor:
        drawn.append((drop_and_rescale(vector, drop, seed) != 0).float())
        return drop_and_rescale(vector, drop, seed)

    monkeypatch.setattr("passerelle.models.merging.rules.drop_and_rescale", noted)
    ours = dare("w", torch.zeros(17, 23), vectors, chosen)
    assert len(drawn) == 3
    assert not torch.equal(drawn[0], drawn[1]), "each model loses its own entries"
    masks = iter(drawn)
    monkeypatch.setattr(torch, "bernoulli", lambda _: next(masks))
    theirs = getattr(peft_merging, f"dare_{combine}")
    # linear sums there, so a third of each gives the mean
    close(ours, theirs(vectors, torch.ones(3) / 3 if combine == "linear" else torch.ones(3), 0.3))


@pytest.mark.parametrize("method", RULES)
@settings(max_examples=40, deadline=None)
@given(pair=pairs(), combine=st.sampled_from(["linear", "ties"]))
def test_weight_zero_gives_the_base(method: str, pair: tuple[Tensor, Tensor], combine: str) -> None:
    base, adapted = pair
    chosen = MergeSettings(weight=0, combine=combine)  # type: ignore[arg-type]
    assert torch.equal(RULES[method].merge("w", base, [adapted], chosen), base)


@pytest.mark.parametrize("method", RULES)
@settings(max_examples=40, deadline=None)
@given(pair=pairs(), combine=st.sampled_from(["linear", "ties"]))
def test_weight_one_gives_the_adapted_model(method: str, pair: tuple[Tensor, Tensor], combine: str) -> None:
    base, adapted = pair
    chosen = MergeSettings(weight=1, density=1, drop=0, combine=combine)  # type: ignore[arg-type]
    merged = RULES[method].merge("w", base, [adapted], chosen)
    if method in ("linear", "direction-magnitude"):
        assert torch.equal(merged, adapted)
    else:
        close(merged, adapted, atol=2e-5)


@pytest.mark.parametrize("method", ["ties", "dare"])
@settings(max_examples=40, deadline=None)
@given(pair=pairs(), weight=st.floats(0, 2))
def test_one_whole_task_vector_is_linear(method: str, pair: tuple[Tensor, Tensor], weight: float) -> None:
    base, adapted = pair
    chosen = MergeSettings(weight=weight, density=1, drop=0)
    close(RULES[method].merge("w", base, [adapted], chosen), linear("w", base, [adapted], chosen), atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(pair=pairs(), weight=st.floats(0, 1))
def test_lengths_lie_between(pair: tuple[Tensor, Tensor], weight: float) -> None:
    base, other = pair
    merged = direction_magnitude("w", base, [other], MergeSettings(weight=weight))
    expected = base.norm(dim=0) * (1 - weight) + other.norm(dim=0) * weight
    opposite = torch.cosine_similarity(base, other, dim=0) < -0.999999
    assert merged.isfinite().all()
    torch.testing.assert_close(merged.norm(dim=0)[~opposite], expected[~opposite], rtol=2e-3, atol=1e-4)


def test_dare_keeps_the_expectation() -> None:
    merged = [dare("w", BASE, [FIRST], MergeSettings(weight=1, drop=0.6, seed=seed)) for seed in range(4000)]
    mean = torch.stack(merged).mean(0)
    # standard error of an entry: |τ| · √(p / (1 − p) / n)
    error = (FIRST - BASE).abs() * math.sqrt(0.6 / 0.4 / 4000)
    assert ((mean - FIRST).abs() <= 4 * error).all()
    values = {round(value, 4) for tensor in merged for value in (tensor - BASE)[0].tolist()}
    assert values == {0.0, 2.25, -0.5, -1.0}, "dropped, or divided by 0.4"


def test_dare_follows_the_seed_and_the_name() -> None:
    base, other = torch.zeros(40, 40), torch.ones(40, 40)
    draws = [
        dare(name, base, [other], MergeSettings(seed=seed)) for name, seed in (("a", 1), ("a", 1), ("b", 1), ("a", 2))
    ]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert not torch.equal(draws[0], draws[3])


def test_inputs_stay_as_they_are() -> None:
    before = [tensor.clone() for tensor in (BASE, FIRST, SECOND)]
    for name, rule in RULES.items():
        rule.merge("w", BASE, [FIRST] if name == "direction-magnitude" else [FIRST, SECOND], MergeSettings())
    assert all(torch.equal(now, then) for now, then in zip((BASE, FIRST, SECOND), before, strict=True))
