from hypothesis import given
from hypothesis import strategies as st

from passerelle.dataset.distinct import DistinctTexts

TEXTS = st.text(st.characters(), max_size=3)


@given(st.lists(st.lists(TEXTS, max_size=6), max_size=6))
def test_each_text_is_new_once(batches):
    seen = set()
    distinct = DistinctTexts()
    for batch in batches:
        assert distinct.take_new(batch) == [text for text in dict.fromkeys(batch) if text not in seen]
        seen.update(batch)
    distinct.close()


def test_many_at_once():
    distinct = DistinctTexts()
    texts = [str(number) for number in range(3000)]
    assert distinct.take_new(texts) == texts
    assert distinct.take_new([*texts, "new"]) == ["new"]
    distinct.close()
