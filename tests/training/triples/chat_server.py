"""A real HTTP server that speaks the chat completions of OpenAI, and misbehaves where told."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def completion(text):
    """The body of a good answer."""
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]})


def query_of(prompt):
    """The query that a prompt is about: it stands alone in the third line."""
    return prompt.splitlines()[2]


def step_of(prompt):
    return "extract" if "Extract" in prompt else "reason"


def teach(prompt):
    """What a good teacher writes."""
    query = query_of(prompt)
    if step_of(prompt) == "reason":
        return f"<think>hm</think>Whoever types {query!r} may want a tackle box."
    return f"<think>so</think>\nKeyphrases: tackle box, Lure kits, lure kit, {query} rack."


class ChatServer(ThreadingHTTPServer):
    """Runs in a thread while the block runs.

    ``misbehave(prompt, number)`` may return (status, headers, body), or seconds to keep silent;
    None lets the teacher answer. ``number`` counts from 1 how often this prompt was asked.
    """

    daemon_threads = True

    def __init__(self, misbehave=lambda prompt, number: None, *, answer=teach, seconds=0.0):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.misbehave, self.answer, self.seconds = misbehave, answer, seconds
        self.bodies, self.keys, self.paths = [], [], []
        self.asked = Counter()
        self.answered = Counter()
        self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.closing.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that was killed or gave up is no error here."""


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *words):
        pass

    def do_GET(self):
        self.send_error(405)

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        with server.lock:
            server.bodies.append(body)
            server.keys.append(self.headers.get("Authorization"))
            server.paths.append(self.path)
            server.asked[prompt] += 1
            number = server.asked[prompt]
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
        try:
            time.sleep(server.seconds)
            told = server.misbehave(prompt, number)
            if isinstance(told, float):
                server.closing.wait(told)
                return
            status, headers, text = told or (200, {}, completion(server.answer(prompt)))
        finally:
            with server.lock:
                server.under_way -= 1
        # Before the client can have it, so that a test finds it here once the client is done.
        with server.lock:
            server.answered[prompt] += told is None
        data = text if isinstance(text, bytes) else text.encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
