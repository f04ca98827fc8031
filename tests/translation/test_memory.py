import itertools
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle.errors import EngineStopped, InputError
from passerelle.translation.base import FakeTranslator, Translator
from passerelle.translation.memory.memorized import MemorizedTranslator
from passerelle.translation.memory.memory import ORIGINS_BY_RANK, Entry, Part, Stored, TranslationMemory

PLACE = ("en", "fr", "fake 1")


@pytest.fixture
def memory(tmp_path):
    with TranslationMemory(tmp_path / "memory.sqlite") as made:
        yield made


def test_what_is_stored_is_found_under_its_own_key_only(memory):
    memory.store([("dog", "chien")], *PLACE, "machine")
    found = memory.lookup(["dog", "cat"], *PLACE)
    assert list(found) == ["dog"]
    assert (found["dog"].translation, found["dog"].origin) == ("chien", "machine")
    assert found["dog"].created.startswith("20") and found["dog"].created.endswith("+00:00")
    for place in [("es", "fr", "fake 1"), ("en", "es", "fake 1"), ("en", "fr", "fake 2")]:
        assert memory.lookup(["dog"], *place) == {}
    assert len(memory) == 1


@pytest.mark.parametrize(("first", "second"), list(itertools.product(ORIGINS_BY_RANK, repeat=2)))
def test_a_lower_origin_never_replaces_a_higher(memory, first, second):
    memory.store([("dog", "first")], *PLACE, first)
    memory.store([("dog", "second")], *PLACE, second)
    wins = ORIGINS_BY_RANK.index(second) >= ORIGINS_BY_RANK.index(first)
    found = memory.lookup(["dog"], *PLACE)["dog"]
    assert (found.translation, found.origin) == (("second", second) if wins else ("first", first))
    assert len(memory) == 1


def test_batches_grow_for_an_engine_that_gains_by_them(memory, monkeypatch):
    class Timed(FakeTranslator):
        now = 0.0

        def translate(self, texts):
            sizes.append(len(texts))
            Timed.now += 100.0 if len(texts) == 8 else 0.1
            return super().translate(texts)

    class Sorting(Timed):
        gains_by_large_batches = True

    sizes = []
    monkeypatch.setattr("passerelle.translation.memory.memorized.time", SimpleNamespace(perf_counter=lambda: Timed.now))
    texts = [str(number) for number in range(2 + 8 + 4 + 4)]
    MemorizedTranslator(Sorting(), memory, batch_size=2).translate(texts)
    assert sizes == [2, 8, 4, 4]
    sizes.clear()
    MemorizedTranslator(Timed(signature="plain"), memory, batch_size=6).translate(texts)
    assert sizes == [6, 6, 6]


def test_an_unknown_origin_is_refused(memory):
    with pytest.raises(InputError, match="human-translation"):
        memory.store([("dog", "chien")], *PLACE, "expert")
    assert len(memory) == 0


def test_a_memory_saves_the_engine(memory):
    fake = FakeTranslator()
    translator = MemorizedTranslator(fake, memory, batch_size=2)
    assert isinstance(translator, Translator)
    assert translator.translate(["a", "b", "", "a", "c"]) == ["[fr] a", "[fr] b", "", "[fr] a", "[fr] c"]
    assert fake.received == ["a", "b", "c"]
    assert (translator.translated, translator.from_memory) == (3, 0)
    assert translator.translate(["d", "c", "c"]) == ["[fr] d", "[fr] c", "[fr] c"]
    assert fake.received == ["a", "b", "c", "d"]
    assert (translator.translated, translator.from_memory) == (4, 1)
    assert translator.took.seconds > 0
    assert (translator.source, translator.target, translator.signature) == PLACE


def test_a_correction_is_used_and_stays(memory):
    memory.store([("dog", "le chien")], *PLACE, "human-translation")
    fake = FakeTranslator()
    assert MemorizedTranslator(fake, memory).translate(["dog"]) == ["le chien"]
    assert fake.received == []


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(st.characters(codec=None), max_size=6), max_size=8))
def test_any_text_comes_back_in_its_place(memory, texts):
    expected = [f"[fr] {text}" if text else "" for text in texts]
    assert MemorizedTranslator(FakeTranslator(), memory).translate(texts) == expected
    assert MemorizedTranslator(FakeTranslator(), memory).translate(texts) == expected


def test_only_texts_that_sqlite_cannot_keep_are_translated_again(memory):
    texts = ["a\0b", "a\0c", "\ud800", "a\n'\"; --"]
    MemorizedTranslator(FakeTranslator(), memory).translate(texts)
    fake = FakeTranslator()
    MemorizedTranslator(fake, memory).translate(texts)
    assert fake.received == ["\ud800"]


KILLED = """
import os, signal, sys
from pathlib import Path
from passerelle.translation.base import FakeTranslator
from passerelle.translation.memory.memorized import MemorizedTranslator
from passerelle.translation.memory.memory import TranslationMemory

class Dying(FakeTranslator):
    def translate(self, texts):
        if "35" in texts:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().translate(texts)

MemorizedTranslator(Dying(), TranslationMemory(Path(sys.argv[1])), 10).translate([str(n) for n in range(100)])
"""


def test_a_killed_process_loses_at_most_one_batch(tmp_path):
    path = tmp_path / "memory.sqlite"
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)]).returncode == -signal.SIGKILL
    with TranslationMemory(path) as memory:
        assert len(memory) == 30
        fake = FakeTranslator()
        translator = MemorizedTranslator(fake, memory)
        assert len(translator.translate([str(number) for number in range(100)])) == 100
        assert fake.received == [str(number) for number in range(30, 100)]


def test_a_persons_translation_is_found_whatever_the_engine_and_the_glossary(memory):
    memory.store([("dog", "toutou")], *PLACE, "human-translation")
    memory.store([("dog", "chien")], "en", "fr", "fake 2", "machine", "glossary 1")
    for signature, glossary in [("fake 1", ""), ("fake 2", "glossary 1"), ("fake 3", "x"), (None, "")]:
        found = memory.lookup(["dog"], "en", "fr", signature, glossary)["dog"]
        assert (found.translation, found.origin, found.signature) == ("toutou", "human-translation", "fake 1")
    assert memory.lookup(["dog"], "en", "es", "fake 1") == {}
    assert len(memory) == 2


def test_of_several_peoples_translations_the_highest_origin_wins_then_the_youngest(memory):
    def person(translation, signature, origin, created):
        memory.add([Entry("dog", translation, "en", "fr", signature, "", origin, f"{created}T00:00:00+00:00")])
        return memory.lookup(["dog"], *PLACE)["dog"].translation

    assert person("first", "fake 1", "human-translation", "2024-01-01") == "first"
    assert person("younger", "fake 2", "human-translation", "2025-01-01") == "younger"
    assert person("older", "fake 3", "human-translation", "2023-01-01") == "younger"
    assert person("native", "fake 4", "native", "2020-01-01") == "native"


def test_a_glossary_is_part_of_the_key(memory):
    memory.store([("dog", "chien")], *PLACE, "machine", "a")
    memory.store([("dog", "toutou")], *PLACE, "repaired", "b")
    assert memory.lookup(["dog"], *PLACE) == {}
    assert memory.lookup(["dog"], *PLACE, "a")["dog"].translation == "chien"
    assert memory.lookup(["dog"], "en", "fr", None)["dog"].translation == "toutou"
    fake = FakeTranslator()
    assert MemorizedTranslator(fake, memory, glossary="b").translate(["dog"]) == ["toutou"]
    assert MemorizedTranslator(fake, memory, glossary="c").translate(["dog"]) == ["[fr] dog"]
    assert memory.lookup(["dog"], *PLACE, "c")["dog"].translation == "[fr] dog"


def test_storing_says_what_became_of_each(memory):
    assert memory.store([("a", "1"), ("b", "2"), ("\ud800", "3")], *PLACE, "machine") == Stored(new=2)
    assert memory.store([("a", "1"), ("b", "3"), ("c", "4")], *PLACE, "repaired") == Stored(new=1, replaced=2)
    assert memory.store([("a", "5"), ("c", "4"), ("d", "6")], *PLACE, "machine") == Stored(new=1, kept=2)
    assert memory.store([("e", "7"), ("e", "8")], *PLACE, "machine") == Stored(new=1, replaced=1)
    assert memory.store([], *PLACE, "machine") == Stored()


def test_many_texts_are_found_at_once(memory):
    texts = [f"text {number}" for number in range(3210)]
    memory.store([(text, text.upper()) for text in texts], *PLACE, "machine")
    found = memory.lookup([*texts, *texts, "unknown"], *PLACE)
    assert {text: known.translation for text, known in found.items()} == {text: text.upper() for text in texts}
    assert [entry.source for entry in memory.entries()] == texts
    assert list(memory.entries("es")) == list(memory.entries("en", "es")) == []
    assert len(list(memory.entries(target="fr"))) == 3210


def test_the_parts_of_a_memory(memory):
    memory.store([("dog", "chien"), ("cat", "chat")], *PLACE, "machine")
    memory.store([("cats", "gatos")], "en", "es", "fake 1", "native", "g")
    assert memory.parts() == [
        Part("en", "es", "fake 1", "g", "native", 1, 4),
        Part("en", "fr", "fake 1", "", "machine", 2, 6),
    ]


def test_the_state_changes_with_each_write_and_from_file_to_file(memory, tmp_path):
    before = memory.state
    assert memory.state == before
    memory.store([("dog", "chien")], *PLACE, "machine")
    with TranslationMemory(tmp_path / "other.sqlite") as other:
        assert len({before, memory.state, other.state}) == 3


class Stopping(FakeTranslator):
    """Stops at the text "c", having finished what came before; has no answer for "?"."""

    def translate(self, texts):
        done = {text: answer for text, answer in zip(texts, super().translate(texts), strict=True) if text < "c"}
        if "c" in texts:
            raise EngineStopped("the budget is spent", done)
        return ["" if text == "?" else answer for text, answer in done.items()]


def test_what_a_stopped_engine_finished_is_kept_and_a_missing_answer_is_not(memory):
    translator = MemorizedTranslator(Stopping(), memory)
    assert translator.translate(["?", "0"]) == ["", "[fr] 0"]
    with pytest.raises(EngineStopped):
        translator.translate(["a", "b", "c"])
    assert sorted(memory.lookup(["?", "0", "a", "b", "c"], *PLACE)) == ["0", "a", "b"]
    assert translator.translated == 4
