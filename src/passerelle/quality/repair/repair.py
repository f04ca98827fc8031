"""Repair translations in the order of cost: what people wrote, more candidates and a choice, a model's correction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from passerelle.languages.phrasebook import Phrasebook
from passerelle.quality.assessing import Assess, Assessment
from passerelle.quality.base import Pair
from passerelle.quality.known import known_translation
from passerelle.quality.repair.candidates import Pool
from passerelle.quality.repair.choose import Scorer
from passerelle.quality.repair.proposing import chosen_for, sentences
from passerelle.quality.repair.saying import Sayable, look_at
from passerelle.quality.repair.variety import keep_variety
from passerelle.quality.repair.verdict import Proposal, is_better
from passerelle.translation.engines.post_editing import Draft, PostEditor
from passerelle.translation.memory.protocol import Memory
from passerelle.translation.protection.glossary import Glossary
from passerelle.translation.protection.safe import SafeTranslator
from passerelle.translation.protection.verify import verify

CHARACTERS_PER_MINUTE = 300.0
"""How fast a person reads a pair and corrects it."""
MINUTES_PER_PAIR = 0.1
"""What each pair takes beside, however short."""
BY_PEOPLE = ("human-translation", "native")
BY_DEFINITION = ("memory", "phrasebook")
"""Ways whose texts are taken whatever the checks say."""


@dataclass(frozen=True)
class Repaired:
    """What became of a pair.

    Attributes:
        pair: As it was.
        text: Its translation now.
        way: ``kept``; ``memory``; ``repaired-before``; ``phrasebook``; how the chosen candidate came to be (``mended``,
            ``fixed``, …); ``sentences`` if it was chosen sentence by sentence; ``post-edited``.
        before: Its assessment before.
        after: Its assessment now.
    """

    pair: Pair
    text: str
    way: str
    before: Assessment
    after: Assessment

    @property
    def is_changed(self) -> bool:
        """Whether the translation is another one."""
        return self.text != self.pair.target

    @property
    def minutes(self) -> float:
        """How long a person would take."""
        return MINUTES_PER_PAIR + (len(self.pair.source) + len(self.text)) / CHARACTERS_PER_MINUTE

    @property
    def gain_per_minute(self) -> float:
        """How much of an accepted pair a person's minute is expected to bring."""
        return (1 - self.after.probability) / self.minutes


class Repairer:
    """Repairs pairs.

    Attributes:
        signature: What repairs are stored under, in the memory.
        stopped: Why post-editing stopped before the end; empty if it didn't.
    """

    def __init__(
        self,
        pool: Pool,
        scorer: Scorer,
        assess: Assess,
        memory: Memory,
        signature: str,
        good: float = 0.7,
        *,
        safe: SafeTranslator | None = None,
        glossary: Glossary | None = None,
        editor: PostEditor | None = None,
        phrasebook: Phrasebook | None = None,
    ) -> None:
        """Take what repairs.

        Args:
            pool: Makes candidates.
            scorer: Chooses among them.
            assess: Estimates pairs.
            memory: Where people's translations and former repairs are found and repairs are kept.
            signature: Signature of the engine whose translations are corrected.
            good: Pairs whose probability is at least this are left as they are, 0..1.
            safe: Translates with the glossary; needed where there is one.
            glossary: Terms that a translation must keep, or translate in one way.
            editor: Corrects what stays below `good`.
            phrasebook: Sentences that are known [those that ship].
        """
        self._pool, self._scorer, self._assess, self._memory = pool, scorer, assess, memory
        self._good, self.signature = good, signature
        self._safe, self._glossary, self._editor, self._phrasebook = safe, glossary, editor, phrasebook
        self._sayable = Sayable(pool.source, pool.target)
        self.stopped = ""

    def repair(self, pairs: Sequence[Pair]) -> list[Repaired]:
        """Repair pairs, good ones in small things only; what people and the glossary say always, else by the verdict.

        Two instructions or questions that were different stay different.

        Raises:
            RunError: An engine or a check failed.
            StorageError: The memory can't be read.
        """
        before = self._assess.estimate(pairs)
        broken = {pair for pair in pairs if not self._is_sound(pair, pair.target)} if self._glossary else set()
        known = self._remembered(pairs)
        weak = [
            pair
            for pair, found in zip(pairs, before, strict=True)
            if pair not in known and (pair in broken or found.probability < self._good)
        ]
        phrases = self._phrases(weak)
        left = [pair for pair in dict.fromkeys(weak) if pair not in phrases]
        good = [pair for pair in dict.fromkeys(pairs) if pair not in known and pair not in phrases and pair not in left]
        proposed = {**self._mended(good), **self._chosen(left, broken), **phrases, **known}
        first = [Repaired(pair, pair.target, "kept", was, was) for pair, was in zip(pairs, before, strict=True)]
        done = self._settled(first, proposed, broken)
        return keep_variety(self._edited(done) if self._editor is not None else done)

    def _settled(
        self, done: Sequence[Repaired], proposed: Mapping[Pair, Proposal], broken: Collection[Pair]
    ) -> list[Repaired]:
        """Take what is proposed where it may be taken."""
        none = Proposal("", "")
        new = [
            _with(found.pair, one.text) if (one := proposed.get(found.pair)) else _with(found.pair, found.text)
            for found in done
        ]
        after = self._assess.estimate(new)
        settled = []
        for found, pair, now in zip(done, new, after, strict=True):
            one = proposed.get(found.pair, none)
            must = one.way in BY_DEFINITION or (found.pair in broken and one.way != "")
            taken = pair.target != found.text and (must or is_better(one, found.after, now))
            settled.append(replace(found, text=pair.target, way=one.way, after=now) if taken else found)
        return settled

    def _remembered(self, pairs: Sequence[Pair]) -> dict[Pair, Proposal]:
        """Return what the memory has by people, and what was repaired before of what the same engine made."""
        found: dict[Pair, Proposal] = {}
        for source, target in dict.fromkeys((pair.source_language, pair.target_language) for pair in pairs):
            ours = [pair for pair in pairs if (pair.source_language, pair.target_language) == (source, target)]
            texts = [pair.source for pair in ours]
            by_anyone = self._memory.lookup(texts, source, target, None)
            before = self._memory.lookup(texts, source, target, self.signature, self.glossary_digest)
            for pair in ours:
                person, repaired = by_anyone.get(pair.source), before.get(pair.source)
                if person is not None and person.origin in BY_PEOPLE:
                    found[pair] = Proposal(person.translation, "memory")
                elif repaired is not None and repaired.origin == "repaired":
                    found[pair] = Proposal(repaired.translation, "repaired-before", is_small=True)
        return found

    def _phrases(self, pairs: Sequence[Pair]) -> dict[Pair, Proposal]:
        """Return what lexicon and phrasebook have, whole texts alone: it is right by definition."""
        texts = ((pair, known_translation(pair, self._phrasebook)) for pair in pairs)
        return {
            pair: Proposal(text, "phrasebook")
            for pair, text in texts
            if text is not None and self._is_sound(pair, text)
        }

    @property
    def glossary_digest(self) -> str:
        """Digest of the glossary, for the memory; empty without one."""
        return self._glossary.digest if self._glossary else ""

    def _mended(self, pairs: Sequence[Pair]) -> dict[Pair, Proposal]:
        """Return good texts with what engines write wrong again and again put right."""
        if not pairs:
            return {}
        texts = self._pool.mend([pair.source for pair in pairs], [pair.target for pair in pairs])
        return {
            pair: Proposal(text, "mended", is_small=True)
            for pair, text in zip(pairs, texts, strict=True)
            if text != pair.target and self._is_sound(pair, text)
        }

    def _chosen(self, pairs: Sequence[Pair], broken: Collection[Pair]) -> dict[Pair, Proposal]:
        """Choose for each pair among the candidates that lose nothing and that one would say, its own text among them.

        A text of several sentences gets its candidates sentence by sentence.
        """
        cut = {pair: sentences(pair.source, pair.source_language) for pair in pairs}
        asked = list(dict.fromkeys(core for pieces in cut.values() for core, _ in pieces))
        pools = dict(zip(asked, self._pool.candidates(asked), strict=True))
        look_at([one.text for pool in pools.values() for one in pool], self._pool.target)
        glossed = self._glossed(asked) if self._glossary else {}

        def may_stand(pair: Pair, text: str) -> bool:
            return self._is_sound(pair, text) and not self._sayable.why_not(pair, text)

        found = chosen_for(cut, pools, self._pool, self._scorer, may_stand, broken, glossed)
        return {pair: one for pair, one in found.items() if self._is_sound(pair, one.text)}

    def _glossed(self, texts: Sequence[str]) -> dict[str, str]:
        assert self._safe is not None, "a glossary needs what translates with it"
        outcomes = zip(texts, self._safe.translate(texts), strict=True)
        return {text: outcome.text for text, outcome in outcomes if outcome.text}

    def _is_sound(self, pair: Pair, text: str) -> bool:
        return not verify(pair.source, text, self._glossary, pair.source_language)

    def _edited(self, done: Sequence[Repaired]) -> list[Repaired]:
        """Have a model correct what is still weak; an answer that loses a protected part isn't taken."""
        assert self._editor is not None
        drafts = {
            found.pair: Draft(found.pair.source, found.text, found.after.reason)
            for found in done
            if found.after.probability < self._good and found.way != "memory"
        }
        answers, self.stopped = self._editor.edit_until_stopped(list(dict.fromkeys(drafts.values())))
        proposed = {
            pair: Proposal(answers[draft], "post-edited", is_corrected=True)
            for pair, draft in drafts.items()
            if draft in answers and self._is_sound(pair, answers[draft])
        }
        return self._settled(done, proposed, ())


def _with(pair: Pair, target: str) -> Pair:
    return pair if target == pair.target else replace(pair, target=target)
