"""Replies in words, from a server in this process."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.builders import refused
from understudy.errors import DataError, ParameterError
from understudy.logs.acting import load_log_policy
from understudy.logs.responder import Responder


@contextmanager
def served(monkeypatch, body, status=200):
    """An endpoint that answers everything with this body; gives the list of what it was sent."""
    sent = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            sent.append((self.path, self.headers["Authorization"], json.loads(content)))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    try:
        yield sent
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(content):
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


@pytest.fixture
def policy(learned, replying):
    """One whose gate is open."""
    loaded = load_log_policy(learned / "packed/decoder/seed_0", replies=replying / "packed/similarity/seed_0")
    loaded.threshold = 0.0
    return loaded


@pytest.fixture
def messages(learned):
    """A conversation after which nothing is left but to say goodbye."""
    return json.loads((learned / "logs/other.jsonl").read_text().splitlines()[0])["messages"][:-1]


def test_what_is_predicted_and_the_nearest_replies_become_a_text(policy, messages, monkeypatch):
    with served(monkeypatch, answer("  You are welcome!  ")) as sent:
        found = Responder(policy, "small", k=2).respond(messages)
    assert found.text == "You are welcome!"
    assert found.near == tuple(policy.reply(messages, k=2)) and found.action == policy.next_action(messages)
    [(path, key, content)] = sent
    assert (path, key, content["model"]) == ("/v1/chat/completions", "Bearer secret", "small")
    first, *rest = content["messages"]
    assert rest == messages[1:]
    assert first["role"] == "system" and first["content"].startswith(messages[0]["content"])
    for number, each in enumerate(found.near, 1):
        assert f"{number}. {each.text}" in first["content"]
    assert f"{found.action.probabilities[found.action.likeliest]:.0%}" in first["content"]


def test_a_system_message_of_parts_is_told_as_its_text(policy, messages, monkeypatch):
    parts = [{"type": "text", "text": "Be polite."}, {"type": "text", "text": "Be brief."}]
    with served(monkeypatch, answer("Bye!")) as sent:
        Responder(policy, "small").respond([{"role": "system", "content": parts}, *messages[1:]])
    assert sent[0][2]["messages"][0]["content"].startswith("Be polite.\nBe brief.\n\nA policy that has learned")


def test_nothing_is_asked_where_the_gate_is_shut_or_a_tool_comes_next(policy, messages, monkeypatch):
    tool = [messages[0], {"role": "user", "content": "Please cancel order #1000. I am mia@example.com."}]
    assert policy.next_action(tool).likeliest == "find_customer"
    with served(monkeypatch, answer("never")) as sent:
        responder = Responder(policy, "small")
        found = responder.respond(tool)
        assert (found.text, found.near, found.action.likeliest) == (None, (), "find_customer")
        policy.threshold = None
        assert responder.respond(messages).text is None
    assert sent == []


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        (answer(None), 200, "got one without"),
        (answer("  "), 200, "got one without"),
        (b'{"choices": []}', 200, "got one without"),
        (b"[]", 200, "got one without"),
        (b"no JSON", 200, "got one that cannot be read"),
        (b'{"error": {"message": "no such model"}}', 404, "got status 404: "),
    ],
)
def test_an_answer_without_a_text_is_a_sentence(policy, messages, monkeypatch, body, status, problem):
    with served(monkeypatch, body, status), refused(DataError, "/v1/: small: expected an answer", problem):
        Responder(policy, "small", retries=0).respond(messages)


def test_without_a_server_it_is_a_sentence(policy, messages, monkeypatch):
    with served(monkeypatch, b""):
        responder = Responder(policy, "small", retries=0)
    with refused(DataError, "small: expected an answer, got no connection"):
        responder.respond(messages)


def test_without_a_key_it_is_a_sentence(policy, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with refused(ParameterError, "OPENAI_API_KEY: expected the endpoint's key in the environment, found none"):
        Responder(policy, "small")
