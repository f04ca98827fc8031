import os
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
