"""The grader of the course that the reference notebook belongs to."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import numpy as np

from lookalike.errors import OptionError, SubmissionError
from lookalike.models.base import Autoencoder

ADDRESS = "https://www.coursera.org/api/onDemandProgrammingScriptSubmissions.v1"
ASSIGNMENT = "9TShnp1JEeeGGAoCUnhvuA"
CODE_SIZE = 71
"""The assignment asks for the network at this code size, so that it is seen to work at any."""
TIMEOUT = 30.0
"""Seconds to wait for the grader's answer."""


@dataclass(frozen=True)
class Verdict:
    """The grader's answer: HTTP status, 201 where it accepted, and its message."""

    status: int
    message: str

    @property
    def accepted(self) -> bool:
        """Whether the submission was taken."""
        return self.status == 201


def submission(model: Autoencoder, mse: float, email: str, token: str) -> dict[str, Any]:
    """What is sent: code size and image shape of the same network built at code size 71, and the MSE of `model`.

    Raises:
        OptionError: e-mail address or token are empty, or the model has no code.
    """
    model.require_code()
    if "@" not in email:
        raise OptionError(f"e-mail is {email!r}; give the address of your course account")
    if not token.strip():
        raise OptionError("token is empty; copy it from the assignment's page")
    code_size, image_shape = _shapes_at(model, CODE_SIZE)
    parts = {"FtBSK": repr(code_size), "83Glu": " ".join(map(repr, image_shape)), "fnM1K": repr(float(mse))}
    return {
        "assignmentKey": ASSIGNMENT,
        "submitterEmail": email,
        "secret": token.strip(),
        "parts": {name: {"output": output} for name, output in parts.items()},
    }


def submit(payload: dict[str, Any], address: str = ADDRESS) -> Verdict:
    """Send a submission and return the grader's verdict.

    Raises:
        SubmissionError: the grader cannot be reached or does not answer in JSON.
    """
    request = urllib.request.Request(
        address, json.dumps(payload).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            with refusal:
                status, content = refusal.code, refusal.read()
    except (OSError, ValueError) as error:
        raise SubmissionError(f"the grader at {address} cannot be reached ({error}); try again later") from error
    if status == 201:
        return Verdict(status, "submitted; see the result on the assignment's page")
    try:
        details = json.loads(content)["details"]
        return Verdict(status, str(details["learnerMessage"]))
    except (ValueError, KeyError, TypeError):
        shown = content[:200].decode(errors="replace").replace("\n", " ")
        return Verdict(status, f"unknown answer from the grader, status {status}: {shown}")


def _shapes_at(model: Autoencoder, code_size: int) -> tuple[int, tuple[int, ...]]:
    """Code size and image shape of a model of the same making at another code size, as its arrays have them."""
    twin = type(model)(**model.get_params()).set_params(code_size=code_size)
    twin.initialise(model.image_shape_)
    codes = twin.encode(np.zeros((1, *model.image_shape_), np.uint8))
    return int(codes.shape[1]), tuple(int(side) for side in twin.decode(codes).shape[1:])
