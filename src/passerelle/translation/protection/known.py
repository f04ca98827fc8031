"""Sentences whose translation is known before any engine is asked: yes and no, and those of the phrasebook."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from passerelle.languages.lexicon import look_up, look_up_beginning, read_lexicon
from passerelle.languages.phrasebook import Ask, Found, Phrasebook, read_phrasebook
from passerelle.translation.protection.protect import is_letter_reply
from passerelle.translation.protection.segments import PhraseWay, cut, flat


class KnownSentences:
    """Finds sentences that are known.

    Attributes:
        phrasebook: The phrases.
    """

    def __init__(
        self,
        source: str,
        target: str,
        lexicon: Mapping[str, str] | None = None,
        phrasebook: Phrasebook | None = None,
    ) -> None:
        """Take what is known.

        Args:
            source: BCP-47 code of the source language.
            target: BCP-47 code of the target language.
            lexicon: Words for yes and no, in lower case; the shipped ones if ``None``.
            phrasebook: The phrases; those that ship if ``None``.
        """
        self.phrasebook = read_phrasebook(source, target) if phrasebook is None else phrasebook
        self._source = source
        self._lexicon = read_lexicon(source, target) if lexicon is None else lexicon

    def find(self, sentence: str) -> tuple[PhraseWay, Found] | None:
        """Find a sentence that is in the phrasebook, is yes or no, or begins with it."""
        found = self.phrasebook.find(sentence)
        if found is not None:
            return "phrasebook", found
        reply = look_up(sentence, self._lexicon)
        if reply is not None:
            return "lexicon", (reply,)
        begins = look_up_beginning(sentence, self._lexicon)
        return None if begins is None else ("lexicon", (begins[0], Ask(begins[1])))

    def translate(self, text: str) -> str | None:
        """Translate a text of which every sentence is known, or stays as it is; ``None`` for another one."""
        if not text.strip() or is_letter_reply(text):
            return text
        items = flat(cut(text, self._source, known=partial(look_up, lexicon=self._lexicon), phrases=self.find)).items
        words = [item for item in items if isinstance(item, str)]
        return "".join(words) if len(words) == len(items) else None
