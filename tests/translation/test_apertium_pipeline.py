import os
import subprocess
import sys
import time

import pytest

from passerelle.translation.engines import apertium_tagger
from passerelle.translation.engines.apertium_pipeline import Pipeline, PipelineDied
from passerelle.translation.engines.apertium_stream import decode_segment, encode_segment, needs_engine, split_lines

ECHO = [sys.executable, "-c", "import os\nwhile d := os.read(0, 65536): os.write(1, d)"]


def gone(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("text", ["", "a", "a\nb", "\n\na\r\n b\t\0c\uffff\ud800", "\u2028a\x85"])
def test_split_lines_loses_nothing(text):
    parts = split_lines(text)
    assert "".join(parts) == text
    assert not set("".join(parts[::2])) & set("\n\r\t\0\uffff\ud800\u2028\x85")
    assert "".join(parts[::2]) == "".join(c for c in text if c in "abc ")


def test_needs_engine():
    assert needs_engine("3 é") and not needs_engine("1.5 & — ?")


@pytest.mark.parametrize("part", ["a.b", "[x] ^y$ z/ \\<image\\> {} @ * ~ a~b  c", "x.[3]", "", "é😀"])
def test_an_untouched_segment_comes_back_as_it_was(part):
    segment = encode_segment(part, 7)
    assert segment.endswith(b"\0") and segment.count(b"\0") == 1
    assert decode_segment(segment[:-1], 7) == part


def test_a_reply_to_another_segment_is_refused():
    assert decode_segment(encode_segment("a", 7)[:-1], 8) is None
    assert decode_segment(b"a.", 7) is None


def test_more_than_the_pipes_hold_passes_through():
    parts = [f"{number} " + "word " * 1000 + "." for number in range(400)]
    pipeline = Pipeline([ECHO, ECHO, ECHO], 30)
    assert pipeline.exchange(parts) == parts
    assert pipeline.exchange(["again"]) == ["again"]
    pipeline.close()


def test_a_hanging_program_is_ended_in_time():
    pipeline = Pipeline([ECHO, ["sleep", "60"]], 0.5)
    ids, began = pipeline.process_ids, time.monotonic()
    with pytest.raises(PipelineDied, match=r"no answer for 0\.5 seconds"):
        pipeline.exchange(["a"])
    assert time.monotonic() - began < 10
    assert len(ids) == 2 and all(map(gone, ids)) and not pipeline.usable


def test_a_program_that_fails_is_named_with_what_it_said():
    pipeline = Pipeline([ECHO, ["sh", "-c", "echo broken data >&2; exit 3"], ECHO], 30)
    with pytest.raises(PipelineDied, match=r"sh 3.*broken data"):
        pipeline.exchange(["a" * 200_000])


@pytest.mark.parametrize(
    "change",
    ["d.replace(b'[1]', b'[2]')", "d.replace(b'\\0', b'', 1) + b'\\0'", "d + b'x.[0]\\0'", "b'\\xff\\0' + d"],
)
def test_a_program_that_mixes_texts_up_is_found_out(change):
    program = [sys.executable, "-c", f"import os\nwhile d := os.read(0, 65536): os.write(1, {change})"]
    pipeline = Pipeline([program], 1)
    with pytest.raises(PipelineDied):
        pipeline.exchange(["a", "b", "c"])


def test_a_program_that_is_missing_leaves_no_process():
    with pytest.raises(FileNotFoundError):
        Pipeline([ECHO, ["no-such-program"]], 1)


# After a text with "bad" in it, it says what it is told to, and spoils all that follow.
SPOILT_BY_BAD = r"""
import os, sys
spoilt, pending = False, b""
while chunk := os.read(0, 65536):
    *segments, pending = (pending + chunk).split(b"\0")
    for segment in segments:
        if b"bad" in segment:
            os.write(2, sys.argv[1].encode())
        os.write(1, (b"spoilt " if spoilt else b"") + segment + b"\0")
        spoilt = spoilt or b"bad" in segment
"""


@pytest.mark.parametrize("says", ["complaint", "Error: new.\nWord 'bad'.\n", "Word 'word'.\n", "Word 'else'.\n"])
@pytest.mark.parametrize("places", [(), (0,), (15,), (16,), (3, 4, 40), (20, 99), (5, 6, 7, 70)])
def test_a_tagger_that_complained_among_many_texts_changes_none_of_them(places, says):
    tagger = [sys.executable, "-I", "-S", apertium_tagger.__file__, sys.executable, "-c", SPOILT_BY_BAD, says]
    pipeline = Pipeline([tagger], 30)
    words = {True: "^bad/bad<adj>$", False: "^good/good<adj>$"}
    parts = [f"{words[number in places]} {'^word/word<n>$ ' * 100}{number}" for number in range(100)]
    assert pipeline.exchange(parts) == parts
    assert pipeline.exchange(parts[::-1]) == parts[::-1]
    pipeline.close()


def test_a_tagger_that_ends_among_many_texts_is_named():
    ends = "import os, time; os.write(1, os.read(0, 65536)[:30]); time.sleep(0.1)"
    tagger = [sys.executable, "-I", "-S", apertium_tagger.__file__, sys.executable, "-c", ends]
    with pytest.raises(PipelineDied, match="ended with status"):
        Pipeline([tagger], 30).exchange([f"text {number}" for number in range(50)])


# Apertium's own fault: where its training saw a smaller set of tags that holds the new one, that becomes the open one.
CHANGES_LIKE_APERTIUM = r"""
import os, re, sys
open_tags = ["adj", "noun", "verb", "adv"]
seen = [set(open_tags), {"adj"}, {"noun"}, {"verb"}, {"adv"}, {"adj", "noun", "verb"}]
with open(sys.argv[1], "a") as log:
    log.write("begun ")
pending = b""
while chunk := os.read(0, 65536):
    *segments, pending = (pending + chunk).split(b"\0")
    for segment in segments:
        reply = b""
        for word, readings in re.findall(rb"\^([^/$]+)/([^$]*)\$", segment):
            tags = re.findall("<([a-z]+)>", readings.decode())
            if tags and set(tags) not in seen:
                os.write(2, b"Warning: There is not coarse tag for the fine tag 'x' of 'x'\n"
                    b"         This is because of an incomplete tagset definition or a dictionary error\n"
                    b"Error: A new ambiguity class was found. \n"
                    b"Retraining the tagger is necessary so as to take it into account.\n"
                    b"Word '" + word + b"'.\nNew ambiguity class: {" + ",".join(tags).encode() + b"}\n")
                for each in seen:
                    if len(each) < len(open_tags) and set(tags) <= each:
                        open_tags = sorted(each)
                tags = open_tags
            reply += word + b"=" + "|".join(tags or open_tags).encode() + b" "
        os.write(1, reply + segment[segment.rindex(b".["):] + b"\0")
"""
STAYS, CHANGES, UNKNOWN = "^les/les<adj><adv>$", "^com/com<adj><noun>$", "^boat/*boat$"
TAGS = ["adj", "noun", "verb", "adv", "kEOF"]
SETS = [{"adj", "noun", "verb", "adv"}, {"adj"}, {"noun"}, {"verb"}, {"adv"}, {"adj", "noun", "verb"}]


def model(sets, dimensions=None):
    """Return what the file of a model begins with: open are the tags of the first set."""

    def several(values):
        return bytes([len(values), *values])

    def text(word):
        return bytes([len(word)]) + b"".join(bytes([0x40, letter]) for letter in word.encode())  # two bytes each

    places = [sorted(map(TAGS.index, each)) for each in sets]
    steps = [place - before for place, before in zip(places[0], [0, *places[0]], strict=False)]
    indexed = [text(f"TAG_{tag}") + bytes([place]) for place, tag in enumerate(TAGS)]
    return b"".join(
        [
            several(steps),
            bytes([1, 0, 1]),  # a pair that is forbidden
            bytes([len(TAGS) + 1, *b"".join(map(text, [*TAGS, "kMOT"]))]),
            bytes([len(TAGS), *b"".join(indexed)]),
            bytes([1, 2, *several([0, 1])]),  # what must follow a tag
            bytes([1, *text("a<adj>")]),  # a reading that is preferred
            bytes([1, *text("kMOT"), 0x41, 0x02]),  # a constant, of two bytes
            bytes([len(sets), *b"".join(map(several, places))]),
            bytes(dimensions or [len(TAGS), len(sets)]),
            b"probabilities",
        ]
    )


def test_the_tables_of_a_model_say_at_which_sets_the_open_tags_stay():
    tables = apertium_tagger.Tables.read(model(SETS))
    assert tables is not None and tables.open == {0, 1, 2, 3} and tables.names == (*TAGS, "kMOT")
    assert tables.seen == ({0, 1, 2, 3}, {0}, {1}, {2}, {3}, {0, 1, 2})
    assert tables.stay(b"adj,adv") and tables.stay(b"adj,kEOF") and not tables.stay(b"adj,noun")
    assert not tables.stay(b"adj,noun,verb"), "of a set that was seen it complains for another reason"
    assert not tables.stay(b"adj,other") and not tables.stay(b"") and not tables.stay(b"\xff")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"perceptron",
        model(SETS)[:-14],
        model(SETS, [len(TAGS) + 1, len(SETS)]),
        model(SETS, [len(TAGS), len(SETS) - 1]),
        model(SETS).replace(bytes([6, 4, 0, 1, 2, 3]), bytes([6, 3, 0, 1, 3])),  # the open set isn't among them
    ],
)
def test_what_is_no_model_says_nothing(data):
    assert apertium_tagger.Tables.read(data) is None


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    "places, begun",
    [({}, 1), ({n: STAYS for n in range(0, 60, 6)}, 1), ({5: STAYS, 7: CHANGES, 8: STAYS, 40: CHANGES}, 3)],
)
def test_only_a_tagger_that_changed_is_begun_anew(tmp_path, places, begun, known):
    log, tables = tmp_path / "log", tmp_path / "model.prob"
    tables.write_bytes(model(SETS) if known else b"something else")
    command = [sys.executable, "-c", CHANGES_LIKE_APERTIUM, str(log), str(tables)]
    words = [places.get(number, "^good/good<adj>$") for number in range(100)]
    given = "".join(f"{word} {UNKNOWN}.[{number}]\0" for number, word in enumerate(words))
    guard = [sys.executable, "-I", "-S", apertium_tagger.__file__, *command]
    tagged = subprocess.run(guard, input=given.encode(), stdout=subprocess.PIPE, check=True, timeout=60).stdout
    for number, (word, reply) in enumerate(zip(words, tagged.decode().split("\0"), strict=False)):
        new = {STAYS: "adj|noun|verb|adv", CHANGES: "adj|noun|verb"}.get(word, "adj")
        unknown = "adj|noun|verb" if word == CHANGES else "adj|noun|verb|adv"
        assert reply == f"{word[1:].partition('/')[0]}={new} boat={unknown} .[{number}]"
    assert tagged.count(b"\0") == 100
    assert log.read_text().count("begun") == (begun if known else 1 + len(places))
