import json
import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chat_server import ChatServer
from passerelle.errors import BudgetSpent, ConfigError, EngineStopped
from passerelle.translation.base import Translator
from passerelle.translation.engines.chat_endpoint import ChatTranslator
from passerelle.translation.memory.memorized import MemorizedTranslator
from passerelle.translation.memory.memory import TranslationMemory

pytest.importorskip("httpx")

KEY = "sk-very-secret-123"
TEXTS = [f"text {number}" for number in range(10)]
FRENCH = [f"[fr] {text}" for text in TEXTS]


@pytest.fixture
def server():
    made = ChatServer()
    yield made
    made.close()


@pytest.fixture
def translator(server):
    """Makes a translator for the server."""
    made = []

    def make(**options):
        options = {"url": server.url, "texts_at_once": 4, "concurrency": 1, "first_wait_seconds": 0.01, **options}
        made.append(ChatTranslator("tiny", "en", "fr", **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def sized(server):
    """How many texts each request held."""
    return [len(request["texts"]) for request in server.requests]


def test_what_is_asked(server, translator, monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)
    engine = translator(key_variable="MY_KEY")
    assert isinstance(engine, Translator)
    texts = ["A dog\nand a <image>", "  blanks  ", "", "A dog\nand a <image>"]
    assert engine.translate(texts) == ["[fr] A dog\nand a <image>", "  [fr] blanks  ", "", "[fr] A dog\nand a <image>"]
    (request,) = server.requests
    assert request["path"] == "/v1/chat/completions"
    assert request["headers"]["Authorization"] == f"Bearer {KEY}"
    assert request["texts"] == {"1": "A dog\nand a <image>", "2": "blanks"}
    body = request["body"]
    assert (body["model"], body["temperature"], body["response_format"]) == ("tiny", 0.0, {"type": "json_object"})
    system = body["messages"][0]["content"]
    assert "from English to French" in system and "{name}" in system
    assert (engine.spent.requests, engine.spent.input_tokens, engine.spent.output_tokens) == (1, 100, 20)


def test_texts_are_sent_in_batches_and_some_at_once(server, translator):
    server.delay_seconds = 0.1
    assert translator(concurrency=3, texts_at_once=2).translate(TEXTS) == FRENCH
    assert sized(server) == [2] * 5 and server.most_at_once == 3


def test_the_server_gets_as_many_requests_as_it_answers_fastest(server, translator):
    server.delay_seconds = 0.05
    engine = translator(concurrency=0, texts_at_once=1)
    texts = [f"text {number}" for number in range(80)]
    assert engine.translate(texts) == [f"[fr] {text}" for text in texts]
    assert server.most_at_once >= 8


def test_under_a_budget_four_requests_are_under_way(server, translator):
    server.delay_seconds = 0.02
    engine = translator(concurrency=0, texts_at_once=1, most_tokens=1_000_000)
    assert engine.translate([f"text {number}" for number in range(40)])[0] == "[fr] text 0"
    assert server.most_at_once == 4


def test_a_busy_server_gets_fewer_requests(server, translator):
    server.delay_seconds = 0.02
    server.faults = [lambda handler: handler.reply(429, "busy")] * 4
    engine = translator(concurrency=0, texts_at_once=1)
    assert engine.translate([f"text {number}" for number in range(40)])[-1] == "[fr] text 39"
    assert engine._pace.room < 4


def test_no_key_is_sent_where_none_is_set(server, translator, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert translator(temperature=None).translate(["a"]) == ["[fr] a"]
    assert "Authorization" not in server.requests[0]["headers"] and "temperature" not in server.requests[0]["body"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_it_tries_again_and_waits_longer_each_time(server, translator, status):
    server.faults = [lambda handler: handler.reply(status, "busy")] * 3
    assert translator(first_wait_seconds=0.1).translate(TEXTS[:2]) == FRENCH[:2]
    times = [request["time"] for request in server.requests]
    waits = [after - before for before, after in zip(times, times[1:], strict=False)]
    assert len(waits) == 3 and waits[0] >= 0.075 and waits[1] >= 0.15 and waits[2] >= 0.3


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_it_waits_as_long_as_it_is_asked_to(server, translator, form):
    until = datetime.now(UTC) + timedelta(seconds=2)
    header = "1" if form == "seconds" else format_datetime(until, usegmt=True)
    server.faults = [lambda handler: handler.reply(429, "slow down", Retry_After=header)]
    began = time.monotonic()
    assert translator(first_wait_seconds=60).translate(["a"]) == ["[fr] a"]
    assert 0.9 <= time.monotonic() - began < 10


def test_a_time_out_and_a_lost_connection_are_tried_again(server, translator):
    released = threading.Event()
    server.faults = [lambda handler: released.wait(10), lambda handler: handler.wfile.close()]
    assert translator(timeout_seconds=0.3).translate(["a"]) == ["[fr] a"]
    released.set()
    assert len(server.requests) == 3


def test_an_endpoint_that_never_answers_is_given_up_and_what_came_before_is_kept(server, translator, tmp_path):
    server.faults = [lambda handler: handler.say({n: f"[fr] {t}" for n, t in handler.texts.items()})]
    server.faults += [lambda handler: handler.reply(503, "over\nloaded")] * 9
    with TranslationMemory(tmp_path / "memory.sqlite") as memory:
        engine = MemorizedTranslator(translator(retries=2), memory)
        with pytest.raises(EngineStopped, match="no answer after 3 attempts; the last time: status 503: over loaded"):
            engine.translate(TEXTS[:8])
        assert len(memory) == 4
        server.faults = []
        assert engine.translate(TEXTS[:8]) == FRENCH[:8]
    assert sized(server) == [4, 4, 4, 4, 4], "a text was paid for twice"


def test_the_half_that_was_translated_is_kept_too(server, translator):
    good = [lambda handler: handler.say({n: f"[fr] {t}" for n, t in handler.texts.items()})]
    server.faults = [BAD["no JSON"], *good, *[lambda handler: handler.reply(503, "")] * 9]
    with pytest.raises(EngineStopped) as stopped:
        translator(retries=1).translate(TEXTS[:4])
    assert stopped.value.translations == dict(zip(TEXTS[:2], FRENCH[:2], strict=True))


def test_an_endpoint_that_is_not_there(translator):
    with pytest.raises(EngineStopped, match=r"127\.0\.0\.1:9/v1 gave no answer .*ConnectError"):
        translator(url="http://127.0.0.1:9/v1", retries=1).translate(["a"])


BAD = {
    "no JSON": lambda handler: handler.say("Sure! Here are the translations."),
    "too few": lambda handler: handler.say(dict.fromkeys(list(handler.texts)[1:], "x")),
    "too many": lambda handler: handler.say({str(number): "x" for number in range(1, len(handler.texts) + 2)}),
    "other numbers": lambda handler: handler.say({number + "0": "x" for number in handler.texts}),
    "a list": lambda handler: handler.say(["x"] * len(handler.texts)),
    "no texts": lambda handler: handler.say({number: 1 for number in handler.texts}),
    "cut off": lambda handler: handler.say({number: "x" for number in handler.texts}, finish="length"),
    "nothing": lambda handler: handler.say(""),
    "refused": lambda handler: handler.reply(400, '{"error": "content filter"}'),
    "deep": lambda handler: handler.say("[" * 100_000),
}


@pytest.mark.parametrize("bad", list(BAD))
def test_a_useless_answer_is_asked_for_again_in_halves(server, translator, bad):
    engine = translator()
    assert engine.translate(["first"]) == ["[fr] first"]
    server.faults = [BAD[bad]]
    assert engine.translate(TEXTS[:4]) == FRENCH[:4]
    assert sized(server) == [1, 4, 2, 2]


@pytest.mark.parametrize("bad", list(BAD))
def test_a_text_that_fails_by_itself_too_gets_no_translation(server, translator, caplog, bad):
    def spoiled(handler):
        if "text 2" in handler.texts.values():
            BAD[bad](handler)
        else:
            handler.say({number: f"[fr] {text}" for number, text in handler.texts.items()})

    engine = translator()
    engine.translate(["first"])
    server.faults = [spoiled] * 20
    assert engine.translate(TEXTS[:4]) == [*FRENCH[:2], "", FRENCH[3]]
    assert sized(server)[1:] == [4, 2, 2, 1, 1]
    assert "no usable translation of 'text 2'" in caplog.text


def test_an_answer_in_a_fence_is_understood(server, translator):
    server.faults = [lambda handler: handler.say('```json\n{"1": "un"}\n```')]
    assert translator().translate(["one"]) == ["un"]


def test_a_server_without_json_mode(server, translator):
    server.faults = [lambda handler: handler.reply(400, "unknown field response_format")]
    assert translator(retries=0).translate(TEXTS) == FRENCH
    assert ["response_format" in request["body"] for request in server.requests] == [True, False, False, False]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "refuses the key .* MY_KEY"),
        (403, "refuses the key"),
        (404, "the model's name"),
        (400, "the model's name"),
    ],
)
def test_a_refusal_is_the_users_mistake_and_hides_the_key(server, translator, monkeypatch, caplog, status, said):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MY_KEY", KEY)
    server.faults = [lambda handler: handler.reply(status, f"bad key {KEY} for model")] * 2
    engine = translator(key_variable="MY_KEY")
    with pytest.raises(ConfigError, match=said) as refused:
        engine.translate(["a"])
    assert "bad key *** for model" in str(refused.value)
    everywhere = [
        str(refused.value),
        repr(refused.value),
        caplog.text,
        engine.signature,
        repr(engine),
        str(engine.spent),
    ]
    assert not any(KEY in place for place in everywhere)
    assert len(server.requests) == 1


def test_a_key_with_a_line_break_in_it_is_refused_unseen(translator, monkeypatch):
    monkeypatch.setenv("MY_KEY", f"{KEY}\nX-Other: 1")
    with pytest.raises(ConfigError, match="set it again") as refused:
        translator(key_variable="MY_KEY")
    assert KEY not in str(refused.value)


def test_the_key_goes_nowhere_else(server, translator, monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)
    other = ChatServer()
    try:
        server.faults = [lambda handler: handler.reply(307, "", Location=f"{other.url}/chat/completions")]
        with pytest.raises(ConfigError, match="status 307"):
            translator(key_variable="MY_KEY").translate(["a"])
        assert other.requests == []
    finally:
        other.close()


def test_a_budget_in_tokens_stops_before_it_is_passed(server, translator, tmp_path):
    with TranslationMemory(tmp_path / "memory.sqlite") as memory:
        chat = translator(most_tokens=600, texts_at_once=2)
        with pytest.raises(BudgetSpent, match=r"budget of 600 tokens.*Spent so far: \d+ tokens .* raise most_tokens"):
            MemorizedTranslator(chat, memory).translate(TEXTS)
        spent = chat.spent.input_tokens + chat.spent.output_tokens
        assert 0 < spent <= 600
        assert len(memory) == 2 * len(server.requests) > 0
        known = memory.lookup(TEXTS, "en", "fr", chat.signature)
        assert all(found.translation == f"[fr] {text}" for text, found in known.items())


def test_a_budget_in_money(server, translator):
    with pytest.raises(ConfigError, match="needs prices"):
        translator(most_cost=1.0)
    chat = translator(most_cost=0.01, input_price=10.0, output_price=20.0)
    with pytest.raises(BudgetSpent, match=r"budget of 0\.01 .* by the prices given"):
        chat.translate([f"text {number}" for number in range(100)])
    assert chat.spent.cost == pytest.approx(chat.spent.requests * (100 * 10 + 40 * 20) / 1e6)
    assert 0 < chat.spent.cost <= 0.01
    assert chat.spent.requests == len(server.requests)


def test_an_endpoint_that_counts_no_tokens_is_estimated(server, translator):
    server.faults = [lambda handler: handler.say({"1": "un"}, usage=False)]
    chat = translator()
    assert chat.translate(["one"]) == ["un"]
    assert chat.spent.input_tokens > 100 and 3 <= chat.spent.output_tokens <= 10


def test_what_changes_answers_changes_the_signature(translator, server):
    signature = translator().signature
    assert translator().signature == signature and "tiny at 127.0.0.1" in signature
    others = [translator(temperature=0.5), translator(texts_at_once=5), ChatTranslator("other", "en", "fr")]
    others.append(ChatTranslator("tiny", "en", "es", url=server.url))
    assert len({signature, *(other.signature for other in others)}) == 5
    for other in others[2:]:
        other.close()


@pytest.fixture(scope="module")
def shared():
    server = ChatServer()
    chat = ChatTranslator("tiny", "en", "fr", url=server.url, texts_at_once=3)
    yield chat
    chat.close()
    server.close()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=8), max_size=8))
def test_any_text_comes_back_in_its_place(shared, texts):
    # A reply that holds three words of its source and more is taken for one that repeats it.
    assume(all(len(text.split()) < 3 for text in texts))
    translations = shared.translate(texts)
    for text, translation in zip(texts, translations, strict=True):
        inner = text.strip()
        assert translation == (text.replace(inner, f"[fr] {inner}", 1) if inner else text), json.dumps(text)
