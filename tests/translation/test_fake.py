from passerelle.translation.base import FakeTranslator, Translator


def test_fake_is_a_translator_and_marks_what_its_table_lacks():
    fake = FakeTranslator("en", "fr", {"A dog.": "Un chien."})
    assert isinstance(fake, Translator)
    assert fake.translate(["A dog.", "", "A cat."]) == ["Un chien.", "", "[fr] A cat."]
    assert fake.received == ["A dog.", "", "A cat."]
    assert (fake.source, fake.target, fake.signature) == ("en", "fr", "fake 1")
