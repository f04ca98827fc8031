"""Apertium's analyses: its stream read by hand, and the real analyser."""

from __future__ import annotations

from passerelle.quality.evidence.analysis import Reading, open_analysis, read_words


def test_the_stream_is_read() -> None:
    stream = "^un/un<num><m><sp>/un<det><ind><m><sg>$ ^foobar/*foobar$^,/,<cm>$ ^du/de<pr>+le<det><def><m><sg>$"
    stream += "^./.<sent>$[3]"
    one, unknown, of = read_words(stream)
    assert one.readings == (Reading("un", ("num", "m", "sp")), Reading("un", ("det", "ind", "m", "sg")))
    assert one.kinds == {"num", "det"}
    assert (unknown.form, unknown.readings, unknown.after_break) == ("foobar", (), False)
    assert of.readings == (Reading("le", ("det", "def", "m", "sg")),)
    assert of.after_break


def test_a_participle_is_a_kind_of_its_own() -> None:
    (word,) = read_words("^cassés/casser<vblex><pp><m><pl>$")
    assert word.kinds == {"pp"}


def test_the_real_analyser_keeps_texts_apart() -> None:
    analysis = open_analysis("fr")
    assert analysis is not None
    texts = ["Un chat noir", "", "[x] ^a$ / \\ <b> {c}", "Deux\nlignes\tici", "Un chat noir"]
    found = analysis.analyse(texts)
    assert [word.form for word in found[0]] == ["Un", "chat", "noir"]
    assert found[0] == found[4]
    assert found[1] == ()
    assert [word.form for word in found[3]] == ["Deux", "lignes", "ici"]


def test_a_language_without_an_analyser() -> None:
    assert open_analysis("ja") is None
