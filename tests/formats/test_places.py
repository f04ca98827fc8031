from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle.errors import ConfigError
from passerelle.formats.places import Node, escape, parse_place, tree


@pytest.mark.parametrize(
    ("place", "parts"),
    [
        ("caption", ("caption",)),
        ("messages.*.content", ("messages", None, "content")),
        (r"a\.b.c", ("a.b", "c")),
        (r"\*.x", ("*", "x")),
        (r"a\\.b", ("a\\", "b")),
        ("*", (None,)),
    ],
)
def test_parts(place: str, parts: tuple[str | None, ...]) -> None:
    assert parse_place(place) == parts


@pytest.mark.parametrize("place", ["", ".", "a..b", "a.", ".a", "a\\"])
def test_no_place(place: str) -> None:
    with pytest.raises(ConfigError, match=r"is no place in a row\. Write keys with dots"):
        parse_place(place)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_any_key_can_be_written(keys: list[str]) -> None:
    assert parse_place(".".join(escape(key) for key in keys)) == tuple(keys)


def test_a_star_holds_for_named_keys_too() -> None:
    root = tree([("a.*.x", "text"), ("a.first.y", "image")])
    first = root.children["a"].child("first")
    assert first is not None
    assert {key: child.roles for key, child in first.children.items()} == {"x": {"text"}, "y": {"image"}}
    other = root.children["a"].child("other")
    assert other is not None
    assert other.children.keys() == {"x"}
    assert isinstance(root, Node)
    assert root.child("b") is None
