"""Conversations as a model gets them: tokens, what of them is learnt, and what describes the pictures."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os.path import commonprefix
from pathlib import Path

import torch
from torch import Tensor

from passerelle.errors import InputError, PasserelleError, first_line
from passerelle.formats.conversations import Conversation, Message
from passerelle.models.pixels import PictureMemory, pictures_alone
from passerelle.models.pretrained import PretrainedModel
from passerelle.models.rendering import ChatTemplate

IGNORED = -100
"""The label of a token that isn't learnt, as transformers has it."""
_ANCHOR = 6
"""So many equal tokens in a row say that two texts agree there again after a picture."""


@dataclass(frozen=True)
class Encoded:
    """A conversation in tokens.

    Attributes:
        id: The conversation's id.
        tokens: What has one value a token, such as ``input_ids`` [tokens].
        described: What describes the pictures beside their pixels, such as ``image_grid_thw`` [pictures, 3].
        labels: Token ids where they are learnt, `IGNORED` elsewhere [tokens].
        images: The picture files, in order.
        language: Code of the language of the replies.
        origin: How the text came to be.
    """

    id: str
    tokens: dict[str, Tensor]
    described: dict[str, Tensor]
    labels: Tensor
    images: tuple[Path, ...]
    language: str
    origin: str

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def targets(self) -> int:
        """Tokens that are learnt."""
        return int((self.labels[1:] != IGNORED).sum())


class Unencodable(InputError):
    """A conversation that can't be shown to a model; `reason` is a code."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Encoder:
    """Turns conversations into tokens by a model's own processor and chat template.

    Args:
        pretrained: The model.
        max_length: Longest conversation in tokens. A longer one is refused: cutting it would cut pictures.

    Raises:
        InputError: The tokenizer lacks the token that stands for a piece of a picture, or one that ends an answer.
    """

    def __init__(self, pretrained: PretrainedModel, max_length: int) -> None:
        self.pretrained = pretrained
        self.max_length = max_length
        self._template = ChatTemplate(pretrained)
        self._pictures = PictureMemory(pretrained)
        self._refused: dict[Path, str] = {}
        self._forward = inspect.signature(pretrained.bare.forward).parameters
        # Ends of turns are added tokens, though not every family calls them special.
        self._special = {*pretrained.tokenizer.all_special_ids, *pretrained.tokenizer.added_tokens_decoder}
        marks = {str(pretrained.tokenizer.convert_ids_to_tokens(token)) for token in self._special}
        alternatives = "|".join(map(re.escape, sorted(marks, key=len, reverse=True)))
        self._special_marks, self._unsaid = re.compile(alternatives), re.compile(rf"\s|{alternatives}")
        piece = pretrained.tokenizer.convert_ids_to_tokens(max(pretrained.image_token, 0))
        # Of a whole picture some have another mark than of its pieces.
        self._picture_marks = {piece, getattr(pretrained.processor, "image_token", None) or piece}
        if pretrained.image_token < 0 or not piece:
            raise InputError(
                f"{pretrained.path}: its tokenizer has no token {pretrained.image_token}, which its configuration has "
                "for pictures."
            )
        if pretrained.tokenizer.eos_token_id is None:
            raise InputError(f"{pretrained.path}: its tokenizer_config.json names no eos_token, which ends an answer.")
        self._eos = str(pretrained.tokenizer.eos_token)

    def __call__(self, conversation: Conversation) -> list[Encoded]:
        """Encode a conversation: one row, or one a reply where the family knows single turns only.

        What stands behind the last reply isn't shown: nothing of it is learnt.

        Raises:
            Unencodable: It is too long, nothing of it could be learnt, a reply shows a picture, or the model's chat
                template or processor refuses it.
            InputError: A picture can't be read.
        """
        shown = _up_to_last_reply(conversation)
        for mark in self._picture_marks:
            if any(mark in message.text for message in shown.messages):
                raise Unencodable("picture-mark", f"a text holds {mark!r}, the model's own mark of a picture.")
        if self.pretrained.family.encoding == "prefix-suffix":
            return [self._checked(self._suffixed(part)) for part in _single_turns(shown)]
        return [self._checked(self._chatted(shown))]

    def _checked(self, encoded: Encoded) -> Encoded:
        if len(encoded) > self.max_length:
            raise Unencodable("too-long", f"it has {len(encoded)} tokens; max_length is {self.max_length}.")
        if not encoded.targets:
            raise Unencodable("nothing-learnt", "no token of it is learnt: the replies are empty in the chat template.")
        image_token = self.pretrained.image_token
        assert not (encoded.labels == image_token).any(), "image tokens are never learnt"
        return encoded

    def prompt(self, conversation: Conversation) -> tuple[dict[str, Tensor], tuple[Path, ...]]:
        """Encode a conversation that ends with the user's turn, for an answer.

        Returns:
            What `generate` takes for one row beside features [1, tokens], and the pictures.

        Raises:
            Unencodable: The model's chat template or processor refuses it.
            InputError: A picture can't be read.
        """
        if self.pretrained.family.encoding == "prefix-suffix" and not conversation.images:
            made = self._plain_prefix(conversation.messages[-1].text)
        elif self.pretrained.family.encoding == "prefix-suffix":
            made = self._run(_marked(conversation.messages[-1:]), conversation.images)
        else:
            text = self._render(conversation.messages, generation=True)
            made = self._run(text, conversation.images, **self._options(text))
        made.pop("labels", None)  # some processors give them, asked or not
        tokens, described = self._divide(made)
        return {name: value[None] for name, value in tokens.items()} | described, conversation.images

    def _run(self, text: str, images: tuple[Path, ...], **options: object) -> dict[str, Tensor]:
        with _refusals("processor"):
            return self._pictures.run(text, images, **options)

    def refusal(self, picture: Path) -> str:
        """Return why the model's processor doesn't take a picture; nothing where it does.

        Raises:
            InputError: It can't be read, or the chat template shows no picture at all.
        """
        if picture not in self._refused:
            with _refusals("template"):
                text = pictures_alone(self.pretrained, self.pretrained.processor, 1)
            try:
                self._run(text, (picture,))
                self._refused[picture] = ""
            except Unencodable as error:
                self._refused[picture] = str(error)
        return self._refused[picture]

    def _suffixed(self, conversation: Conversation) -> Encoded:
        question, answer = conversation.messages[-2], conversation.messages[-1]
        if not conversation.images:
            return self._plain_suffixed(conversation, question.text, answer.text)
        made = self._run(_marked([question]), conversation.images, suffix=[answer.text])
        labels = made.pop("labels")[0].clone()
        return self._encoded(conversation, made, labels)

    def _plain_suffixed(self, conversation: Conversation, question: str, answer: str) -> Encoded:
        """Encode a question without a picture, which the processor of a prefix and a suffix refuses."""
        tokenizer = self.pretrained.tokenizer
        prefix = self._plain_prefix(question)
        suffix = torch.tensor([[*tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]])
        ones = torch.ones_like(suffix)
        more = {"input_ids": suffix, "attention_mask": ones, "token_type_ids": ones}
        labels = torch.cat([torch.full_like(prefix["input_ids"], IGNORED), suffix], dim=1)[0]
        made = {name: torch.cat([value, more[name]], dim=1) for name, value in prefix.items()}
        return self._encoded(conversation, made, labels)

    def _plain_prefix(self, question: str) -> dict[str, Tensor]:
        tokenizer = self.pretrained.tokenizer
        tokens = [tokenizer.bos_token_id, *tokenizer(f"{question}\n", add_special_tokens=False)["input_ids"]]
        ids = torch.tensor([tokens])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}

    def _chatted(self, conversation: Conversation) -> Encoded:
        text = self._begun(self._render(conversation.messages), conversation.messages)
        spans = self._spans(text, conversation.messages)
        ending = "" if self._ends(text[spans[-1][0] :]) else self._eos
        if ending:
            text = text.rstrip() + ending
            spans[-1] = (spans[-1][0], len(text))
        made = self._run(text, conversation.images, **self._options(text))
        learnt = self._learnt(text, spans)
        return self._encoded(conversation, made, _placed(learnt, made["input_ids"][0].tolist()))

    def _encoded(self, conversation: Conversation, made: dict[str, Tensor], labels: Tensor) -> Encoded:
        tokens, described = self._divide(made)
        c = conversation
        return Encoded(c.id, tokens, described, labels, c.images, c.language, c.origin)

    def _divide(self, made: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Divide a processor's result into values of tokens and of pictures; pixels are left out."""
        # A picture's mask can have as many patches as there are tokens: what it is called counts before its shape.
        taken = {n: value for n, value in made.items() if n in self._forward and not n.startswith("pixel")}
        shape = made["input_ids"].shape
        tokens = {name: value[0] for name, value in taken.items() if value.shape == shape}
        return tokens, {name: value for name, value in taken.items() if value.shape != shape}

    def _render(self, messages: Sequence[Message], *, generation: bool = False) -> str:
        with _refusals("template"):
            return self._template.render(messages, generation=generation)

    def _begun(self, text: str, messages: Sequence[Message]) -> str:
        """Return a conversation's text with all that asks for its last reply: an empty thought may be left out."""
        thought = self._template.unshown
        if len(messages) < 2 or len(self._special_marks.findall(thought)) < 2:
            return text
        start = _common(text, self._render(messages[:-1], generation=True))
        return text[:start] + thought + text[start:]

    def _spans(self, text: str, messages: Sequence[Message]) -> list[tuple[int, int]]:
        """Return where in the text each reply stands, its end-of-turn token included."""
        spans = []
        for index, message in enumerate(messages):
            if message.role == "assistant" and message.text:
                start = _common(text, self._render(messages[:index], generation=True)) if index else 0
                end = self._end(text, start, self._render(messages[: index + 1]), message.text)
                if text.startswith(self._eos, end):  # Molmo 2's template ends a reply where the next question begins
                    end += len(self._eos)
                spans.append((start + self._before_reply(text[start:end], message.text), end))
        return spans

    def _end(self, text: str, start: int, alone: str, reply: str) -> int:
        """Return where in a text the turn ends that shows a reply from `start` on.

        Args:
            text: A whole conversation.
            start: Where the turn begins.
            alone: The conversation up to this reply.
            reply: The reply.
        """
        common = _common(text, alone)
        if reply in text[start:common]:
            return common
        # Some templates show what was thought before a last reply only: the two part before it, and meet again in it.
        ending = alone[max(0, alone.rfind(reply)) :]
        place = text.find(ending, start)
        return place + len(ending) if place >= 0 and self._is_unsaid(text[start:place]) else common

    def _before_reply(self, shown: str, reply: str) -> int:
        """Return where what a model says begins in text that ends with a reply: special tokens may stand around it.

        Raises:
            Unencodable: Words that aren't the reply's stand behind it, or it isn't shown as it is.
        """
        place = shown.rfind(reply)
        while place >= 0:
            if self._is_unsaid(shown[place + len(reply) :]):
                return 0 if self._is_unsaid(shown[:place]) else place
            place = shown.rfind(reply, 0, place + len(reply) - 1)
        raise Unencodable("template", "the chat template doesn't show a reply as it is.")

    def _is_unsaid(self, text: str) -> bool:
        """Whether a text is white space and special tokens."""
        return not self._unsaid.sub("", text)

    def _learnt(self, text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, bool]]:
        """Return the tokens of the text, pictures as single marks, and which of them are learnt."""
        coded = self.pretrained.tokenizer(text, return_offsets_mapping=True, **self._options(text))
        learnt, said = [], False
        for token, (start, end) in zip(coded["input_ids"], coded["offset_mapping"], strict=True):
            inside = end > start and any(first < end <= last for first, last in spans)
            # White space before a reply, or behind the end of its turn, is the template's, never said by a model.
            blank = inside and not text[start:end].strip()
            said = inside and (not blank or said) and (token not in self._special or not blank)
            learnt.append((token, said))
            said = said and token not in self._special
        return learnt

    def _ends(self, reply: str) -> bool:
        """Whether a rendered reply ends with a special token, white space apart."""
        tokens = self.pretrained.tokenizer(reply.rstrip(), add_special_tokens=False)["input_ids"]
        return bool(tokens) and tokens[-1] in self._special

    def _options(self, text: str) -> dict[str, bool]:
        """Say whether the tokenizer has to add what the template left out, such as the beginning of the text."""
        beginning = self.pretrained.tokenizer.bos_token
        return {"add_special_tokens": not (beginning and text.startswith(beginning))}


@contextmanager
def _refusals(reason: str) -> Iterator[None]:
    """Turn what a model's own chat template or processor raises at a conversation into a reason to reject it."""
    try:
        yield
    except (PasserelleError, MemoryError):
        raise
    except Exception as error:  # a template's author may raise anything
        raise Unencodable(reason, f"the model's {reason} refuses it: {first_line(error)}") from error


def _up_to_last_reply(conversation: Conversation) -> Conversation:
    """Return a conversation without what stands behind its last reply.

    Raises:
        Unencodable: There is no reply, or one shows a picture.
    """
    replies = [index for index, message in enumerate(conversation.messages) if message.role == "assistant"]
    said = [index for index in replies if conversation.messages[index].text]
    if not said:
        raise Unencodable("no-reply", "nobody answers in it: there is nothing to learn.")
    if any(conversation.messages[index].images for index in replies):
        raise Unencodable("picture-in-reply", "a reply shows a picture, which no model here can say.")
    messages = conversation.messages[: said[-1] + 1]
    images = conversation.images[: sum(message.images for message in messages)]
    return replace(conversation, messages=messages, images=images)


def _marked(messages: Sequence[Message]) -> str:
    """Return a prompt without a template: pictures first, as PaliGemma has them."""
    images = sum(message.images for message in messages)
    return "<image>" * images + "\n".join(message.text for message in messages)


def _single_turns(conversation: Conversation) -> list[Conversation]:
    """Return each question with its reply as a conversation of its own; all pictures stand in the first question.

    Raises:
        Unencodable: Questions and replies don't alternate.
    """
    messages = [message for message in conversation.messages if message.role != "system"]
    if any(message.role != ("user", "assistant")[index % 2] for index, message in enumerate(messages)):
        raise Unencodable(
            "template", "the model knows a question and its reply: they must alternate, a question first."
        )
    marks: tuple[None, ...] = (None,) * len(conversation.images)
    pairs = zip(messages[::2], messages[1::2], strict=True)
    return [
        replace(conversation, messages=(Message("user", (*marks, question.text)), reply))
        for question, reply in pairs
        if reply.text
    ]


def _common(one: str, other: str) -> int:
    """Return how many characters two texts have in common from their beginning."""
    return len(commonprefix([one, other]))


def _placed(learnt: Sequence[tuple[int, bool]], expanded: Sequence[int]) -> Tensor:
    """Return the labels of tokens among which each picture's mark has become many.

    Args:
        learnt: Tokens with a mark for each picture, and whether each is learnt.
        expanded: The same tokens with the pictures' own.

    Raises:
        Unencodable: They don't agree where something is learnt.
    """
    labels = torch.full((len(expanded),), IGNORED)
    place = len(expanded) - 1
    tokens = [token for token, _ in learnt]
    index = len(tokens) - 1
    first = next((index for index, (_, wanted) in enumerate(learnt) if wanted), len(learnt))
    while index >= first:
        if place >= 0 and tokens[index] == expanded[place]:
            if learnt[index][1]:
                labels[place] = tokens[index]
            index, place = index - 1, place - 1
            continue
        if learnt[index][1]:
            raise Unencodable("unaligned", "the processor changes the tokens of a reply.")
        index, place = _before_picture(tokens, index, expanded, place)
    return labels


def _before_picture(tokens: Sequence[int], index: int, expanded: Sequence[int], place: int) -> tuple[int, int]:
    """Return the next place to the left where both agree for some tokens."""
    for left in range(index, -1, -1):
        anchor = list(tokens[max(0, left - _ANCHOR + 1) : left + 1])
        for end in range(place, len(anchor) - 2, -1):
            if list(expanded[end - len(anchor) + 1 : end + 1]) == anchor:
                return left, end
    raise Unencodable("unaligned", "the processor's tokens don't agree with the chat template's.")
