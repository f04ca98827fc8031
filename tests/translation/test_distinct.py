import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.translation.dataset import distinct as distinct_module
from passerelle.translation.dataset.distinct import DistinctTexts

DIGESTS = st.integers(0, 12).map(lambda number: bytes([number * 20]) * 8)


@pytest.mark.parametrize("most_recent", [0, 3, 50_000])
@given(batches=st.lists(st.lists(DIGESTS, max_size=6), max_size=9))
def test_each_text_is_new_once(most_recent, batches):
    distinct_module._MOST_RECENT, kept = most_recent, distinct_module._MOST_RECENT
    seen = set()
    distinct = DistinctTexts()
    for batch in batches:
        assert distinct.take_new(batch) == [digest for digest in dict.fromkeys(batch) if digest not in seen]
        seen.update(batch)
    distinct.close()
    distinct_module._MOST_RECENT = kept


@pytest.mark.parametrize("most_unwritten", [0, 3, 100_000])
@given(batches=st.lists(st.lists(DIGESTS, max_size=6), max_size=9))
def test_they_are_counted_alike(most_unwritten, batches):
    distinct_module._MOST_UNWRITTEN, kept = most_unwritten, distinct_module._MOST_UNWRITTEN
    listed, counted = DistinctTexts(), DistinctTexts()
    assert [counted.count_new(b"".join(batch)) for batch in batches] == [len(listed.take_new(b)) for b in batches]
    listed.close()
    counted.close()
    distinct_module._MOST_UNWRITTEN = kept


def test_many_at_once():
    distinct = DistinctTexts()
    digests = [number.to_bytes(8) for number in range(3000)]
    assert distinct.take_new(digests) == digests
    assert distinct.take_new([*digests, b"new text"]) == [b"new text"]
    distinct.close()
