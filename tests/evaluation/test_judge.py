"""Chat answers judged in both orders by a local OpenAI-compatible server."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmark_files import write_lines
from passerelle.errors import ConfigError
from passerelle.evaluation.asking.judging import EndpointJudge, open_judge
from passerelle.evaluation.metrics.judge import Case, judge_case, prompt_for, read_scores, summarise
from passerelle.evaluation.run import Options, evaluate


class Replies:
    """A judge that says what a function makes of the two answers."""

    name = "fake@nowhere"

    def __init__(self, rate):
        self.rate, self.prompts = rate, []

    def reply(self, prompt):
        self.prompts.append(prompt)
        first = prompt.partition("[Assistant 1]\n")[2].partition("\n\n[End")[0]
        second = prompt.partition("[Assistant 2]\n")[2].partition("\n\n[End")[0]
        return self.rate(first, second)


def case(answer="long answer", reference="short", preferred="", name="1"):
    return Case(name, "Que voit-on ?", "un chat", answer, reference, "fr", name, preferred)


def by_length(first, second):
    return f"{min(10, len(first))} {min(10, len(second))}\nbecause"


@pytest.mark.parametrize(
    ("reply", "scores"),
    [
        ("8 7\nboth good", (8, 7)),
        ("8, 7", (8, 7)),
        ("Scores: 9.5 6", (9.5, 6)),
        ("I rate them.\n7 7", (7, 7)),
        ("eight and seven", None),
        ("8", None),
        ("80 70", None),
        ("", None),
    ],
)
def test_scores_are_read_from_the_first_line_that_has_two(reply, scores):
    assert read_scores(reply) == scores


def test_both_orders_are_asked_and_an_answer_wins_only_in_both():
    judge = Replies(by_length)
    verdict = judge_case(judge, case())
    assert (verdict.outcome, verdict.agreed) == ("win", True)
    assert judge.prompts == [prompt_for(case(), swapped=False), prompt_for(case(), swapped=True)]
    assert judge.prompts[0] != judge.prompts[1]


def test_a_judge_that_prefers_the_first_gives_a_tie():
    verdict = judge_case(Replies(lambda first, second: "9 2"), case())
    assert (verdict.outcome, verdict.agreed) == ("tie", False)
    assert verdict.scores == ((2.0, 9.0), (9.0, 2.0))


def test_a_reply_that_cannot_be_read_is_counted():
    verdict = judge_case(Replies(lambda first, second: "no idea"), case())
    assert (verdict.outcome, verdict.scores) == ("tie", (None, None))
    assert summarise([case()], [verdict]).unread == 2


def test_agreement_with_natives_is_of_those_who_were_asked():
    cases = [case(preferred="answer", name="1"), case(preferred="reference", name="2"), case(name="3")]
    found = summarise(cases, [judge_case(Replies(by_length), each) for each in cases])
    assert found.interval.value == 100
    assert (found.native_labels, found.native_agreement) == (2, 50.0)
    assert summarise(cases[2:], [judge_case(Replies(by_length), cases[2])]).native_agreement is None


@pytest.fixture
def server(monkeypatch):
    """An endpoint whose judge gives more to the longer answer; counts requests."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            requests.append(body)
            said = Replies(by_length).reply(body["messages"][0]["content"])
            content = json.dumps({"choices": [{"message": {"content": said}}]}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}/v1", requests
    served.shutdown()
    served.server_close()
    thread.join()


def test_chat_answers_are_judged_over_http_once(tmp_path, server):
    url, requests = server
    rows = [
        {"question_id": n, "question": "Que voit-on ?", "category": "conv", "caption": ["un chat"]}
        | {"gpt_answer": "Un chat noir." if n % 2 else "Chat", "preferred": "answer"}
        for n in range(1, 5)
    ]
    write_lines(tmp_path / "chat.jsonl", rows)
    said = [{"question_id": n, "text": "Un chat est ici." if n < 4 else "Ici."} for n in range(1, 5)]
    write_lines(tmp_path / "said.jsonl", said)
    options = Options(
        models=(),
        benchmarks=(f"llava-bench={tmp_path}/chat.jsonl",),
        languages="fr",
        predictions=(f"mine={tmp_path}/said.jsonl",),
        out=tmp_path / "out",
    )
    judge = open_judge(f"judge-1@{url}", tmp_path / "out")
    results = evaluate(options, judge=judge)
    assert len(requests) == 8
    assert requests[0]["model"] == "judge-1" and requests[0]["temperature"] == 0
    assert "response_format" not in requests[0]
    found = results["judged"][0]
    assert found["judge"] == f"judge-1@{url.removeprefix('http://')}"
    assert "|judge:judge-1@127.0.0.1" in found["signature"]
    assert (found["units"], found["order_agreement"], found["native_labels"]) == (4, 100.0, 4)
    assert 0 < found["value"] < 100
    assert next(f for f in results["figures"] if f["metric"] == "fidelity")["value"] == 100
    again = evaluate(options, judge=open_judge(f"judge-1@{url}", tmp_path / "out"))
    assert len(requests) == 8
    assert again["judged"] == results["judged"]


def test_a_judge_needs_a_name_and_a_url_that_can_be_asked():
    with pytest.raises(ConfigError, match="write --judge MODEL@https://HOST/v1"):
        EndpointJudge("", "http://localhost/v1")
    with pytest.raises(ConfigError, match="no URL of an endpoint"):
        EndpointJudge("m", "localhost")
