import re
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_apertium import needs_pair
from test_protect import MIXED

from nasty import WAYS, NastyTranslator
from passerelle.errors import RunError
from passerelle.translation.base import FakeTranslator, Translator
from passerelle.translation.engines.apertium import ApertiumTranslator
from passerelle.translation.engines.remembered import RememberedTranslator
from passerelle.translation.memory.memorized import MemorizedTranslator
from passerelle.translation.memory.memory import TranslationMemory
from passerelle.translation.protection.glossary import Glossary
from passerelle.translation.protection.placeholders import all_forms
from passerelle.translation.protection.safe import Outcome, SafeTranslator
from passerelle.translation.protection.verify import verify
from stamp_captions import STAMPS, captions

# None is a part of another, and no word holds one: so they can be counted without the code under test.
PARTS = ["<image>", "https://a.example/x", "[0.1, 0.2]", "$x^2$", "{name}", "cat.jpg", "3.5 km", "<|im_end|>", "`a b`"]
WORDS = ["dog", "the red house", "sleeps", "Yes", "No.", "option", "A big bird.", "Is it good?", "and"]
COMPOSED = st.lists(
    st.tuples(st.sampled_from(PARTS + WORDS), st.sampled_from([" ", " ", "\n", " \n\n", "\t"])), max_size=14
).map(lambda pairs: "".join(word + blank for word, blank in pairs))
TEXTS = st.lists(st.one_of(COMPOSED, MIXED), min_size=1, max_size=4)
heart = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def apertium():
    with ApertiumTranslator("en", "fr") as engine:
        yield engine


@heart
@given(TEXTS, st.sampled_from(sorted(WAYS)), st.booleans())
def test_whatever_the_engine_does_the_outcome_is_sound_or_rejected(empty_cache, texts, way, with_glossary):
    glossary = Glossary({"red house": "maison rouge", "dog": ""}) if with_glossary else None
    outcomes = SafeTranslator(NastyTranslator(way), glossary=glossary).translate(texts)
    assert len(outcomes) == len(texts)
    for text, outcome in zip(texts, outcomes, strict=True):
        if outcome.text is None:
            assert outcome.reason, outcome
        else:
            assert outcome.reason == ""
            assert verify(text, outcome.text, glossary) == []


@heart
@given(st.lists(COMPOSED, min_size=1, max_size=4), st.sampled_from(sorted(WAYS)))
def test_parts_lines_and_blanks_are_kept_also_by_another_count(empty_cache, texts, way):
    """The same as above, by counting alone: nothing of `verify` or `protect` is used."""
    for text, outcome in zip(texts, SafeTranslator(NastyTranslator(way)).translate(texts), strict=True):
        if outcome.text is None:
            continue
        assert [outcome.text.count(part) for part in PARTS] == [text.count(part) for part in PARTS]
        assert Counter(re.findall("[0-9]", outcome.text)) == Counter(re.findall("[0-9]", text))
        lines, new = text.split("\n"), outcome.text.split("\n")
        assert len(lines) == len(new)
        for line, other in zip(lines, new, strict=True):
            assert bool(line.strip()) == bool(other.strip())
            assert line.startswith("<image>") == other.startswith("<image>") or not line.startswith("<image>")
            assert line.endswith("<|im_end|>") <= other.endswith("<|im_end|>")
        assert text[len(text.rstrip()) :] == outcome.text[len(outcome.text.rstrip()) :]


@heart
@given(TEXTS)
def test_an_engine_that_changes_nothing_is_never_rejected(empty_cache, texts):
    outcomes = SafeTranslator(NastyTranslator("keeps"), lexicon={}).translate(texts)
    assert [outcome.text for outcome in outcomes] == texts


@heart
@given(TEXTS)
def test_engines_see_one_sentence_and_nothing_protected(empty_cache, texts):
    engine = NastyTranslator("keeps")
    SafeTranslator(engine).translate(texts)
    for asked in (text for call in engine.calls for text in call):
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]|<image>|https://a\.example|cat\.jpg", asked)
        assert not re.search(r"bird\. \S|good\? \S", asked)


@pytest.mark.parametrize(
    ("way", "text", "expected"),
    [
        ("deletes", "See cat.jpg now", Outcome("See cat.jpg now", way="around")),
        ("doubles", "See cat.jpg now", Outcome("See cat.jpg now", way="around")),
        ("numbers", "There are 3 cats", Outcome("There are 3 cats", way="other-placeholder")),
        ("numbers", "There are 7 cats", Outcome("There are 7 cats", way="engine")),
        ("upper-cases", "See cat.jpg now", Outcome("SEE cat.jpg NOW", way="engine")),
        ("reorders", "a {x} and {y}", Outcome("a {y} and {x}", way="engine")),
        ("keeps", "A. 5 km", Outcome("A. 5 km", way="unchanged")),
        ("keeps", "B", Outcome("B", way="unchanged")),
        ("keeps", "", Outcome("", way="unchanged")),
        ("empties", "A big dog", Outcome(None, "not-translated", "no translation came of 'A big dog'", "engine")),
    ],
)
def test_ways_and_reasons(empty_cache, way, text, expected):
    assert SafeTranslator(NastyTranslator(way)).translate([text]) == [expected]


def test_one_form_lost_in_one_sentence_leads_to_the_next_form(empty_cache):
    class Forgetful(FakeTranslator):
        def translate(self, texts):
            return [text.replace("__1__", "") if "seldom" in text else text for text in texts]

    (outcome,) = SafeTranslator(Forgetful(signature="forgetful")).translate(["It is seldom http://a.b here. Good."])
    assert outcome == Outcome("It is seldom http://a.b here. Good.", way="other-placeholder")


def test_sentences_stay_apart_where_an_engine_takes_their_marks(empty_cache):
    engine = FakeTranslator(table={"A dog.": "Un chien", "Good?": "Bon", "A cat": "Un chat."})
    (outcome,) = SafeTranslator(engine).translate(["A dog. Good? A cat"])
    assert outcome == Outcome("Un chien. Bon? Un chat.")


def test_around_the_parts_no_capital_or_full_stop_is_added(empty_cache):
    class Sentences(FakeTranslator):
        def translate(self, texts):
            return [re.sub("__.*?__|XZ.*?X|<x.*?>|\\[.*?\\]|90...|[\ue100-\uf8ff]", "", text).capitalize() + "."
                    for text in texts]  # fmt: skip

    (outcome,) = SafeTranslator(Sentences(signature="sentences")).translate(["see http://a.b and http://c.d now"])
    assert outcome == Outcome("see http://a.b and http://c.d now", way="around")


def test_the_engine_is_asked_once_for_all_and_again_for_what_failed(empty_cache):
    texts = ["A dog. A cat.", "A cat. A dog.", "A dog.", "3 cows", "See cat.jpg now", "See bat.jpg now"]
    engine = NastyTranslator("numbers")
    outcomes = SafeTranslator(engine).translate(texts)
    assert all(outcome.text is not None for outcome in outcomes)
    probed, first, *others = engine.calls
    assert len(probed) > 50
    assert sorted(first)[:3] == ["3 cows", "A cat.", "A dog."]
    assert len(first) == 4  # both files look alike to the engine
    assert len(others) <= 2


def test_the_fallback_engine_is_asked_for_what_was_rejected(empty_cache):
    safe = SafeTranslator(NastyTranslator("empties"), fallback=FakeTranslator(table={"A dog.": "Un chien."}))
    assert safe.translate(["A dog."]) == [Outcome("Un chien.")]


def test_a_sentence_is_not_put_together_without_a_stretch_that_the_engine_gave_nothing_for(empty_cache):
    class Partly(FakeTranslator):
        def translate(self, texts):
            return [text if text == "in the big garden of our old house" else "" for text in texts]

    (outcome,) = SafeTranslator(Partly(signature="partly")).translate(["See {name} in the big garden of our old house"])
    assert (outcome.text, outcome.reason, outcome.way) == (None, "not-translated", "around")


def test_the_memory_alone_knows_sentences_with_placeholders(empty_cache, tmp_path):
    text = "See cat.jpg and http://a.b/c now. It is 3 km."
    with TranslationMemory(tmp_path / "memory.sqlite") as memory:
        engine = MemorizedTranslator(FakeTranslator(), memory)
        (first,) = SafeTranslator(engine).translate([text])
        (again, unknown) = SafeTranslator(RememberedTranslator(memory, "en", "fr")).translate([text, "A dog."])
    assert again.text == first.text is not None
    assert unknown.reason == "not-translated"


@pytest.mark.parametrize("form", all_forms(), ids=lambda form: form.name)
def test_the_memory_alone_knows_what_an_engine_was_asked_in_any_form(empty_cache, tmp_path, form):
    class Choosy(FakeTranslator):
        """Keeps placeholders of one form, and takes the figures off all others."""

        def translate(self, texts):
            others = [other for other in all_forms() if other != form]
            for other in others:
                texts = [text if form.numbers(text) else other.pattern.sub("", text) for text in texts]
            return super().translate(texts)

    text = "See cat.jpg and http://a.b/c now, please. Look at 5 of {name}."
    with TranslationMemory(tmp_path / "memory.sqlite") as memory:
        engine = Choosy(signature=f"choosy {form.name}")
        (first,) = SafeTranslator(MemorizedTranslator(engine, memory)).translate([text])
        (again,) = SafeTranslator(RememberedTranslator(memory, "en", "fr")).translate([text])
    assert first.text == again.text == text.replace("See", "[fr] See").replace("Look", "[fr] Look")
    assert (first.way, again.way) == ("engine", "engine")


def test_bare_yes_and_no_never_reach_the_engine(empty_cache):
    engine = FakeTranslator()
    outcomes = SafeTranslator(engine).translate(["Yes", "no.", "NO!", "A. Yes\nB. No"])
    assert [outcome.text for outcome in outcomes] == ["Oui", "non.", "NON!", "A. Oui\nB. Non"]
    assert {outcome.way for outcome in outcomes} == {"lexicon"}
    assert engine.received == []
    other = SafeTranslator(engine, lexicon={"yes": "ouais"})
    assert other.translate(["Yes."]) == [Outcome("Ouais.", way="lexicon")]


def test_glossary_terms_keep_their_translation(empty_cache):
    safe = SafeTranslator(NastyTranslator("upper-cases"), glossary=Glossary({"dog": "chien", "Tux": ""}))
    outcomes = safe.translate(["The dog and Tux sleep.", "Dog"])
    assert outcomes == [Outcome("THE chien AND Tux SLEEP."), Outcome("Chien", way="glossary")]


def test_what_an_engine_was_asked_is_remembered(empty_cache, tmp_path):
    engine = NastyTranslator("keeps")
    with TranslationMemory(tmp_path / "memory.sqlite") as memory:
        for _ in range(2):
            safe = SafeTranslator(MemorizedTranslator(engine, memory))
            assert isinstance(safe, SafeTranslator)
            safe.translate(["See cat.jpg. A dog."])
    assert len(engine.calls) == len([call for call in engine.calls if call])
    assert sum(call.count("A dog.") for call in engine.calls) == 1


def test_an_engine_that_miscounts_is_an_error(empty_cache):
    class Short(FakeTranslator):
        def translate(self, texts):
            return ["x"]

    assert isinstance(Short(), Translator)
    with pytest.raises(RunError, match="gave 1 translations for 2 texts"):
        SafeTranslator(Short()).translate(["A dog.", "A cat."])


def test_a_text_of_five_megabytes_is_translated(empty_cache):
    text = "<image>\n" + "The red dog sleeps, see cat.jpg. " * 151_000
    start = time.process_time()
    (outcome,) = SafeTranslator(NastyTranslator("keeps")).translate([text])
    assert outcome.text == text
    assert time.process_time() - start < 30


@needs_pair
@pytest.mark.skipif(not STAMPS.is_dir(), reason="install tuxpaint-stamps-default")
def test_captions_come_out_whole_and_as_good_as_those_of_the_bare_engine(apertium, empty_cache):
    sacrebleu = pytest.importorskip("sacrebleu")
    english, french = zip(*captions(), strict=True)
    outcomes = SafeTranslator(apertium).translate(english)
    safe = [outcome.text for outcome in outcomes]
    assert None not in safe
    assert [text for text, new in zip(english, safe, strict=True) if verify(text, new)] == []
    bare = sacrebleu.corpus_chrf(apertium.translate(english), [list(french)]).score
    assert sacrebleu.corpus_chrf(safe, [list(french)]).score >= bare


@needs_pair
def test_apertium_keeps_what_data_sets_are_made_of(apertium, empty_cache):
    texts = {
        "<image>\nWhat is in the picture?": r"<image>\n\S.*\?",
        "A. A dog\nB. A cat\nAnswer with the option's letter from the given choices directly.":
            r"A\. Un chien\nB\. Un chat\nRépondez .*\.",
        "The dog is at [0.1, 0.2, 0.3, 0.4].": r"Le chien est à \[0\.1, 0\.2, 0\.3, 0\.4\]\.",
        "There are 3 cats and 1 dog.": r".*3 chats et 1 chien\.",
        "- a dog\n- a cat\n": r"- un chien\n- un chat\n",
    }  # fmt: skip
    for (text, pattern), outcome in zip(texts.items(), SafeTranslator(apertium).translate(list(texts)), strict=True):
        assert re.fullmatch(pattern, outcome.text or ""), (text, outcome)


STRUCTURED = [
    ("| The dog | red |\n|:---|---:|\n| A | big |", "| [fr] The dog | [fr] red |\n|:---|---:|\n| A | [fr] big |"),
    ("<tr><td>The dog</td><td>3</td></tr>", "<tr><td>[fr] The dog</td><td>3</td></tr>"),
    ("<ul><li>a dog</li><li><b>a cat</b></li></ul>", "<ul><li>[fr] a dog</li><li><b>[fr] a cat</b></li></ul>"),
    ("<think>A dog.</think><answer>B</answer>", "<think>[fr] A dog.</think><answer>B</answer>"),
    ("◦ a dog\n✓ a cat", "◦ [fr] a dog\n✓ [fr] a cat"),
    ('{"gender": "male", "n": 2, "by": "get_x"}', '{"gender": "[fr] male", "n": 2, "by": "get_x"}'),
    ('[{"a \\"b\\"": ["x\\ny", "A \\u00e9t\\u00e9"]}]',
     '[{"a \\"b\\"": ["[fr] x\\n[fr] y", "[fr] A \\u00e9t\\u00e9"]}]'),
    ('It is:\n```json\n{"k": "the dog"}\n```\nGood. `x`',
     'Es:\n```json\n{"k": "[fr] the dog"}\n```\n[fr] Good. [fr] `x`'),
    ('```json\n{"k": "a dog"}\n```\nand\n```\nthe code\n```',
     '```json\n{"k": "[fr] a dog"}\n```\n[fr] and\n```\nthe code\n```'),
    ('{"k": "a dog"', '[fr] {"k": "a dog"'),
    ("[0.1, 0.2]", "[0.1, 0.2]"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), STRUCTURED)
def test_cells_items_and_values_are_translated_apart(empty_cache, text, expected):
    engine = FakeTranslator(table={"It is:": "Es:", "`x`": "`x`"})
    outcome = SafeTranslator(engine).translate([text])[0]
    assert outcome.text == expected.replace("[fr] `x`", "`x`")
    assert not any("|" in asked or "<t" in asked or "\n" in asked for asked in engine.received)


@pytest.mark.parametrize(
    ("source", "translation", "code"),
    [
        ("| a dog | red |\n|---|---|", "| un chien rouge |\n|---|---|", "lost-placeholder"),
        ("| a | b |\n| c | d |", "| a | b | | c | d |", "line-breaks"),
        ('{"gender": "male"}', '{"genre": "homme"}', "json-shape"),
        ('{"gender": "male"}', '{"gender": "homme", "n": "x"}', "json-shape"),
        ('{"by": "get_x", "a": "b c"}', '{"by": "prends_x", "a": "b c"}', "json-shape"),
        ('{"gender": "male"}', "homme", "json-shape"),
        ('{"at": "see <image>"}', '{"at": "voir"}', "lost-placeholder"),
        ('{"gender": "male", "day": "weekend"}', '{"gender": "homme", "day": "week-end"}', ""),
    ],
)
def test_rows_columns_and_keys_are_counted(source, translation, code):
    assert [found.code for found in verify(source, translation)][:1] == ([code] if code else [])
