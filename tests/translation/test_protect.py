import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from passerelle.translation.protection import protect as module
from passerelle.translation.protection.glossary import Glossary
from passerelle.translation.protection.protect import MASK, fill, is_letter_reply, is_plain, protect

# What texts of vision-language data are made of, so that hypothesis meets every class.
BITS = st.sampled_from(
    ["<image>", "\n", " ", "A. ", "(B)", "- ", "$x^2$", "$", "`", "```", "\\(", "\\)", "\\[", "\\]", "\\begin{align}",
     "\\end{align}", "http://a.b/c", "www.", "@", ".jpg", "1", "3.5", " km", "%", "[", "]", "(", ")", ", ", "{", "}",
     "<b>", "</b>", "<|", "|>", "word", "A", ".", MASK, "\ud800", "\x00", "é", "😀"]
)  # fmt: skip
MIXED = st.one_of(st.text(), st.lists(st.one_of(BITS, st.text(max_size=3)), max_size=30).map("".join))


def parts(text, glossary=None):
    return [(part.name, part.text) for part in protect(text, glossary).parts]


@given(MIXED)
@example("\ue000 a \ue001")
@example("```a")
@example("\\begin{align} \\begin{align} x \\end{align}")
def test_what_was_taken_out_can_be_put_back(text):
    found = protect(text)
    assert found.restore() == text
    assert found.masked.count(MASK) == len(found.parts)
    assert fill(found.masked, [part.becomes for part in found.parts]) == text


@given(MIXED)
def test_with_a_glossary_too(text):
    assert protect(text, Glossary({"word": "mot", "A": "", "é": "e"})).restore() == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<image>\nWhat is it?", [("special-token", "<image>")]),
        ("<|im_start|>user\nHi<|im_end|>", [("special-token", "<|im_start|>user"), ("special-token", "<|im_end|>")]),
        ("[INST] Hi [/INST]</s>", [("special-token", t) for t in ("[INST]", "[/INST]", "</s>")]),
        ("<img src='a'> a <b>red</b> dog", [("tag", t) for t in ("<img src='a'>", "<b>", "</b>")]),
        ("<td>a | b</td>", [("block-tag", "<td>"), ("cell-bar", "|"), ("block-tag", "</td>")]),
        ("<trap> <I'm> <thinker>", [("tag", "<trap>"), ("tag", "<I'm>"), ("tag", "<thinker>")]),
        ("if a < b and c > d", []),
        ("salt &amp; pepper", [("entity", "&amp;")]),
        ("See https://a.example/b?c=(1). Good", [("url", "https://a.example/b?c=(1")]),
        ("(www.example.com)", [("url", "www.example.com")]),
        ("Mail joe.b+c@mail.example.org.", [("e-mail", "joe.b+c@mail.example.org")]),
        ("Ask @someone now", [("user", "@someone")]),
        ("Use `a b` here", [("code", "`a b`")]),
        ("Look:\n```py\nx = 1\n```\nnow", [("fence", "```py\nx = 1\n```")]),
        ("Is $x^2$ or $y$ or \\(z\\)?", [("latex", "$x^2$"), ("latex", "$y$"), ("latex", "\\(z\\)")]),
        ("So \\[ a\n= b \\] and $$c$$", [("latex-display", "\\[ a\n= b \\]"), ("latex-display", "$$c$$")]),
        ("\\begin{align}x\\end{align} a", [("latex-block", "\\begin{align}x\\end{align}")]),
        ("a \\frac{1}{2} b", [("latex-command", "\\frac{1}{2}")]),
        ("from $5 to $6", [("number", "$5"), ("number", "$6")]),
        ("at [0.1, 0.2, 0.3, 0.4] and (12, 34)", [("coordinates", t) for t in ("[0.1, 0.2, 0.3, 0.4]", "(12, 34)")]),
        ("<ref>a dog</ref><box>(1,2),(3,4)</box>",
         [("tag", "<ref>"), ("tag", "</ref>"), ("box", "<box>(1,2),(3,4)</box>")]),
        ("Hi {name}, {{count}} of ${total} %s %(x)d",
         [("braces", t) for t in ("{name}", "{{count}}", "${total}")] + [("format", t) for t in ("%s", "%(x)d")]),
        ("It is 100% sure", [("quantity", "100%")]),
        ("A. A dog\nB) A cat\n(C) Both\nd) None", [("option-letter", t) for t in ("A.", "B)", "(C)", "d)")]),
        ("(A) dog (B) cat", [("option-letter", "(A)"), ("option-letter", "(B)")]),
        ("- a\n  * b\n1. c\n12) d\n# e", [("list-mark", t) for t in ("-", "  *", "1.", "12)", "#")]),
        ("The answer is B. Option C is wrong.", [("answer-letter", "B"), ("answer-letter", "C")]),
        ("The answer is A dog.", []),
        ("Open cat_01.JPG.png, ../docs/a.md.", [("file", "cat_01.JPG.png"), ("file", "../docs/a.md")]),
        ("5 km, 3.5%, $20, 20°C, 10 km/h", [("quantity", "5 km"), ("quantity", "3.5%"), ("number", "$20"),
                                           ("quantity", "20°C"), ("quantity", "10 km/h")]),
        ("5 men, 2 miles, 1,000 dogs at 12:30", [("number", t) for t in ("5", "2", "1,000", "12:30")]),
        ("the 20th century, MP3, the 1980s", []),
        ("A B1 and \ue123 c", [("private-use", "\ue123")]),
        ("x" * 600 + " a", [("blob", "x" * 600)]),
    ],
)  # fmt: skip
def test_classes(text, expected):
    assert parts(text) == expected


def test_a_glossary_term_is_not_looked_for_inside_of_other_parts():
    glossary = Glossary({"dog": "chien"})
    assert parts("A dog at http://dog.example/", glossary) == [("glossary", "dog"), ("url", "http://dog.example/")]
    assert protect("A dog", glossary).parts[0].becomes == "chien"


@given(st.text(st.sampled_from("ABCJKabcé ,;’'-.!?"), max_size=20))
@example("A.")
@example("The answer is A.")
def test_the_quick_look_agrees_with_the_long_one(text):
    if is_plain(text):
        assert module._take_out(text) == ([text], [])


@pytest.mark.parametrize("text", ["A dog.", "A red dog, and a cat", "Dupont’s well-known café!"])
def test_ordinary_captions_take_the_quick_look(text):
    assert is_plain(text)


@pytest.mark.parametrize(
    "text",
    ["", "A", "A.", "A dog. A cat.", "3 dogs", "- a", "a ", " a", "a\nb", "a dog..", "option A", "a_b", "a" * 401],
)
def test_others_do_not(text):
    assert not is_plain(text)


def test_letters_alone():
    assert all(map(is_letter_reply, ["A", "B.", "(C)", "d)", " A ", "A, C", "B & D."]))
    assert not any(map(is_letter_reply, ["", "No", "A dog", "AB", "3"]))


@pytest.mark.parametrize(
    "unit",
    ["(", "$", "$a ", "[1, ", "<a ", "{", "`", "\\(", "\\[ ", "\\begin{align}", "a@", "http:// ", "1,", "A.\n", "(A) ",
     "a/ .", "%", "« ", "… ", "a. ", "a, ", "\n", MASK, "word "],
)  # fmt: skip
def test_time_is_linear(unit):
    def seconds(characters):
        text = unit * (characters // len(unit))
        start = time.process_time()
        assert protect(text).restore() == text
        return time.process_time() - start

    seconds(1000)
    # The least of three: another job on the machine only adds. Quadratic time is 64 times and many seconds.
    small, large = (min(seconds(characters) for _ in range(3)) for characters in (25_000, 200_000))
    assert large < max(40 * small, 2.0), f"{small:.3f} s, then {large:.3f} s for eight times the text"


def test_fill_wants_as_many_texts_as_masks():
    with pytest.raises(ValueError, match="1 texts for 2 masks"):
        fill(MASK + MASK, ["a"])
