"""The course's grader, played by a local server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

import lookalike as la
from lookalike.checks import notebook_checks
from lookalike.errors import OptionError, SubmissionError
from lookalike.interop import coursera


class Grader(HTTPServer):
    status = 201
    content = b"{}"
    received: dict = {}  # noqa: RUF012


class Handler(BaseHTTPRequestHandler):
    server: Grader

    def do_POST(self) -> None:
        self.server.received = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def grader() -> Iterator[Grader]:
    server = Grader(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def address(grader: Grader) -> str:
    return f"http://127.0.0.1:{grader.server_port}/"


@pytest.fixture(scope="module")
def payload() -> dict:
    model = la.ConvAutoencoder(8).initialise((32, 32, 3))
    return coursera.submission(model, 0.005375, "a@b.org", " token ")


def test_what_is_sent(grader: Grader, payload: dict) -> None:
    verdict = coursera.submit(payload, address(grader))
    assert verdict.accepted
    assert grader.received == {
        "assignmentKey": "9TShnp1JEeeGGAoCUnhvuA",
        "submitterEmail": "a@b.org",
        "secret": "token",
        "parts": {"FtBSK": {"output": "71"}, "83Glu": {"output": "32 32 3"}, "fnM1K": {"output": "0.005375"}},
    }


@pytest.mark.parametrize(
    ("status", "content", "message"),
    [
        (400, b'{"details": {"learnerMessage": "Invalid token."}}', "Invalid token."),
        (500, b"<html>oops</html>", "unknown answer from the grader, status 500: <html>oops</html>"),
        (200, b'["odd"]', "unknown answer from the grader, status 200"),
    ],
)
def test_what_is_refused(grader: Grader, payload: dict, status: int, content: bytes, message: str) -> None:
    grader.status, grader.content = status, content
    verdict = coursera.submit(payload, address(grader))
    assert not verdict.accepted
    assert verdict.status == status
    assert verdict.message.startswith(message)


def test_a_grader_that_is_not_there(grader: Grader, payload: dict) -> None:
    nowhere = address(grader)
    with pytest.raises(SubmissionError, match="cannot be reached"):
        coursera.submit(payload, nowhere.replace("http", "gopher"))


@pytest.mark.parametrize(("email", "token", "message"), [("me", "t", "e-mail is 'me'"), ("a@b", " ", "token is empty")])
def test_empty_credentials(email: str, token: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        coursera.submission(la.ConvAutoencoder(8).initialise((32, 32, 3)), 0.1, email, token)


def test_the_notebooks_checks_pass_and_fail() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (100, 32, 32, 3), np.uint8)
    good = notebook_checks(la.ConvAutoencoder(32).initialise((32, 32, 3)), pictures)
    assert [check.name for check in good if not check.passed] == []
    assert len(good) == 8
    # A code wider than the 2 x 2 x 256 values before it is no bottleneck, and shallow sides have too few tensors.
    wide = notebook_checks(la.ConvAutoencoder(1025).initialise((32, 32, 3)), pictures)
    assert [check.name for check in wide if not check.passed] == ["no layer narrower than the code"]
    shallow = notebook_checks(la.ConvAutoencoder(8, channels=(8,)).initialise((32, 32, 3)), pictures)
    assert {"encoder depth", "decoder depth"} <= {check.name for check in shallow if not check.passed}
    assert all(check.passed for check in notebook_checks(la.PCAAutoencoder(8).initialise((32, 32, 3)), pictures))
