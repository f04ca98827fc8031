"""Whole texts that were checked before: found again, and forgotten as soon as they may be wrong."""

import pytest

from passerelle.formats.base import Field
from passerelle.translation.base import FakeTranslator
from passerelle.translation.memory import memory as memory_module
from passerelle.translation.memory import whole_texts
from passerelle.translation.memory.known_texts import KnownTexts
from passerelle.translation.memory.memorized import MemorizedTranslator
from passerelle.translation.memory.memory import Entry, TranslationMemory
from passerelle.translation.protection import safe as safe_module
from passerelle.translation.protection.glossary import Glossary
from passerelle.translation.protection.safe import Outcome, SafeTranslator

TEXT = "See cat.jpg. A dog sleeps.\nIt is 5 km."
FRENCH = "[fr] See cat.jpg. [fr] A dog sleeps.\n[fr] It is 5 km."


@pytest.fixture
def memory(empty_cache, tmp_path):
    with TranslationMemory(tmp_path / "memory.sqlite") as memory:
        yield memory


@pytest.fixture
def never_cut(monkeypatch):
    """Make cutting a text an error from when this is called."""

    def refuse(*given):
        raise AssertionError("a known text was cut")

    return lambda: monkeypatch.setattr(safe_module, "cut", refuse)


def safe(memory, *, settings=(), engine=None, keeps=True, **options):
    engine = engine or FakeTranslator()
    texts = KnownTexts(memory, (engine.signature, *settings), keeps=keeps)
    return SafeTranslator(MemorizedTranslator(engine, memory), texts=texts, **options)


def entry(source, translation, origin, created="2020-01-01T00:00:00+00:00"):
    return Entry(source, translation, "en", "fr", "fake 1", "", origin, created)


def test_a_known_text_is_neither_cut_nor_checked_again(memory, never_cut):
    (first,) = safe(memory).translate([TEXT])
    never_cut()
    assert safe(memory).translate([TEXT, "Yes.", TEXT]) == [first, Outcome("Oui.", way="lexicon"), first]
    assert (first.text, first.segments, first.way) == (FRENCH, 3, "engine")
    (known,) = memory.recall([whole_texts.text_key(whole_texts.settings_digest(["fake 1"]), TEXT)]).values()
    assert known.asked == b"".join(
        whole_texts.asked_digest("fake 1", text) for text in ("See __1__.", "A dog sleeps.", "It is 5 km.")
    )


@pytest.mark.parametrize("origin", ["human-translation", "native", "repaired"])
@pytest.mark.parametrize("way", ["store", "add"])
def test_a_correction_is_in_the_next_run(memory, origin, way):
    safe(memory).translate([TEXT])
    if way == "store":
        memory.store([("A dog sleeps.", "Un chien dort.")], "en", "fr", "fake 1", origin)
    else:
        memory.add([entry("A dog sleeps.", "Un chien dort.", origin)])
    (outcome,) = safe(memory).translate([TEXT])
    assert outcome.text == FRENCH.replace("[fr] A dog sleeps.", "Un chien dort.")


def test_a_replaced_entry_is_in_the_next_run_and_a_new_one_forgets_nothing(memory, never_cut):
    safe(memory).translate([TEXT])
    memory.store([("A dog sleeps.", "Le chien.")], "en", "fr", "fake 1", "machine")
    assert "Le chien." in safe(memory).translate([TEXT])[0].text
    memory.store([("A cow.", "Une vache.")], "en", "fr", "fake 1", "machine")
    never_cut()
    assert "Le chien." in safe(memory).translate([TEXT])[0].text


def test_a_correction_that_comes_meanwhile_is_not_lost(memory):
    class Corrected(FakeTranslator):
        """While it works a person corrects what was looked up before."""

        def translate(self, texts):
            if "It is 5 km." in texts:  # not while it's probed
                memory.store([("A dog sleeps.", "Un chien dort.")], "en", "fr", "fake 1", "human-translation")
            return super().translate(texts)

    memory.store([("A dog sleeps.", "[fr] A dog sleeps.")], "en", "fr", "fake 1", "machine")
    (before,) = safe(memory, engine=Corrected()).translate([TEXT])
    assert before.text == FRENCH
    assert "Un chien dort." in safe(memory).translate([TEXT])[0].text


def test_other_settings_have_their_own_texts(memory):
    safe(memory).translate(["A dog."])
    glossary = Glossary({"dog": "chien"})
    (outcome,) = safe(memory, settings=[glossary.digest], glossary=glossary).translate(["A dog."])
    assert outcome.text == "[fr] A chien."
    other = FakeTranslator(table={"A dog.": "Un chien."}, signature="fake 2")
    assert safe(memory, engine=other).translate(["A dog."])[0].text == "Un chien."


def test_what_can_not_be_used_is_not_kept(memory):
    class Failing(FakeTranslator):
        def translate(self, texts):
            self.received += texts
            return [""] * len(texts)

    engine = Failing()
    assert safe(memory, engine=engine).translate(["A dog."])[0].reason == "not-translated"
    assert safe(memory).translate(["A dog."])[0].text == "[fr] A dog."
    assert engine.received == ["A dog."]


def test_the_options_of_a_row_belong_to_the_key(memory):
    def row(option):
        return [Field("A", option, "option"), Field("text", "Which?\nA dog", "text")]

    first, second = safe(memory).translate_rows([row("A dog"), row("a cat")])
    assert (first["text"].text, second["text"].text) == ("[fr] Which?\n[fr] A dog",) * 2
    memory.store([("a dog", "un chien")], "en", "fr", "fake 1", "human-translation")
    first, second = safe(memory).translate_rows([row("a dog"), row("a cat")])
    assert first["text"].text == "[fr] Which?\nUn chien"
    # The same options in two rows: one key.
    again = safe(memory).translate_rows([row("a dog"), row("a dog"), row("a cat")])
    assert [found["text"].text for found in again] == [first["text"].text] * 2 + [second["text"].text]


def test_other_rules_forget_what_was_checked_by_these(memory, monkeypatch):
    safe(memory).translate(["A dog.", "A cat."])
    old = whole_texts.text_key(whole_texts.settings_digest(["fake 1"]), "A dog.")
    assert list(memory.recall([old])) == [old]
    for module in ("whole_texts", "known_texts"):
        monkeypatch.setattr(f"passerelle.translation.memory.{module}.rules", lambda: "others")
    safe(memory).translate(["A cat."])
    memory.close()
    assert memory.recall([old]) == {}


def test_who_only_looks_keeps_nothing(memory):
    safe(memory, keeps=False).translate(["A dog."])
    assert memory.recall([whole_texts.text_key(whole_texts.settings_digest(["fake 1"]), "A dog.")]) == {}


def test_keys_tell_texts_settings_and_options_apart():
    settings = whole_texts.settings_digest(["a"]), whole_texts.settings_digest(["b"])
    keys = [
        whole_texts.text_key(*given)
        for given in ((settings[0], "x"), (settings[1], "x"), (settings[0], "y"), (settings[0], "x", b"o" * 16))
    ]
    assert len(set(keys)) == 4
    assert whole_texts.settings_digest(["a", "b"]) != whole_texts.settings_digest(["ab"])


def whole(number):
    return {(number, number): whole_texts.Whole(f"texte {number}", "engine", 1, b"8 bytes.")}


def in_file(memory, keys):
    with TranslationMemory(memory.path) as other:
        return set(other.recall(keys))


@pytest.mark.parametrize("limit, value", [("_MOST_KEPT", 3), ("_MOST_KEPT_CHARACTERS", 3 * len("texte 1") + 24)])
def test_whole_texts_are_found_at_once_and_written_together(memory, monkeypatch, limit, value):
    monkeypatch.setattr(memory_module, limit, value)
    keys = [(number, number) for number in range(4)]
    for number in range(4):
        memory.keep(whole(number), 0, "rules")
        assert set(memory.recall(keys)) == set(keys[: number + 1])
        assert in_file(memory, keys) == (set(keys[:3]) if number >= 2 else set())
    memory.close()
    assert in_file(memory, keys) == set(keys)


def test_whole_texts_that_were_not_written_yet_are_forgotten_too(memory):
    memory.keep(whole(1), 0, "rules")
    with TranslationMemory(memory.path) as other:
        other.store([("dog", "chien")], "en", "fr", "fake 1", "native")
    assert memory.recall([(1, 1)]) == {}
    memory.keep(whole(2), memory.corrections, "rules")
    assert set(memory.recall([(1, 1), (2, 2)])) == {(2, 2)}
    memory.close()
    assert in_file(memory, [(1, 1), (2, 2)]) == {(2, 2)}
