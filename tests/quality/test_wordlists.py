"""Word lists and loanwords."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from passerelle.quality.checks.direction import Direction
from passerelle.quality.evidence import wordlists
from passerelle.quality.evidence.loanwords import find_loanwords
from passerelle.quality.evidence.wordlists import find_word_list, package


def test_a_language_without_a_list() -> None:
    assert find_word_list("ka") is None
    assert package("ka") is None
    assert package("fr") == "wfrench"


def test_a_list_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(wordlists, "FOLDER", tmp_path)
    assert find_word_list("fr") is None


def test_any_list_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "french").write_text("cœur\nParis\n", encoding="utf-8")
    monkeypatch.setattr(wordlists, "FOLDER", tmp_path)
    words = find_word_list("fr")
    assert words is not None
    assert [words.knows(word) for word in ("coeur", "CŒUR", "paris", "cœur-paris", "chat")] == [True] * 4 + [False]


def test_loanwords_are_french_words() -> None:
    shared = find_loanwords(Direction("en", "fr"))
    assert shared.target is not None and shared.source is not None
    text = resources.files("passerelle.data").joinpath("loanwords-fr.txt").read_text(encoding="utf-8")
    listed, _, young = text.partition("# In use")
    words = [word for line in listed.splitlines() if not line.startswith("#") for word in line.split()]
    assert len(words) > 500
    assert [word for word in words if not (shared.target.knows(word) and shared.source.knows(word))] == []
    assert "cowboy" in young


def test_loanwords_without_lists(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(wordlists, "FOLDER", tmp_path)
    find_loanwords.cache_clear()
    try:
        shared = find_loanwords(Direction("en", "fr"))
        assert shared.target is None
        assert shared.has("Sandwich") and not shared.has("woodlouse")
    finally:
        find_loanwords.cache_clear()


def test_a_list_is_sorted_once_and_a_broken_copy_is_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "french").write_text("zèbre\nParis\nété\n\nâne\n", encoding="utf-8")
    monkeypatch.setattr(wordlists, "FOLDER", tmp_path)
    monkeypatch.setenv("PASSERELLE_CACHE", str(tmp_path / "cache"))
    first = find_word_list("fr")
    assert first is not None and list(first.words) == ["paris", "zèbre", "âne", "été"]
    assert "paris" not in first.common and "âne" in first.common and "a" * 99 not in first.words
    files = sorted((tmp_path / "cache" / "derived").iterdir())
    files[0].write_bytes(b"broken")
    wordlists._open.cache_clear()
    again = find_word_list("fr")
    assert again is not None and again.words == first.words
    monkeypatch.setattr(wordlists, "_sorted", None)
    wordlists._open.cache_clear()
    assert find_word_list("fr") is not None
