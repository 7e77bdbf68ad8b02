"""How a studio is served: one frozen object that every part reads."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from lookalike.errors import OptionError

LEAST_TOKEN = 16
"""Characters of a token, so that nobody guesses it."""


@dataclass(frozen=True)
class StudioSettings:
    """What may be set, and the limits that keep one client from taking all.

    Attributes:
        gallery: the folder of the gallery.
        host: the address to listen on.
        token: who does not give it is refused; None where only this machine can connect.
        hosts: names, beside the machine's own, under which browsers may reach a studio without a token, and that may be
            the Origin they send; with or without a port.
        denoiser: the run whose model removes noise, None for none.
        runs: runs to follow.
        apply: whether pictures may be copied, linked and moved to the trash by who reaches the page; None where only
            this machine can, and by no other name.
        seed: of everything that is drawn at random.
        largest_upload: bytes of a request with pictures.
        largest_json: bytes of any other request.
        largest_pixels: of a picture that is searched for or encoded.
        largest_cleaned: pixels of a picture that noise is removed from, which goes through the model in many tiles.
        most_pictures: of one request.
        held_uploads: bytes of all requests that are being read at one moment.
        batch: pictures that go through the model at once.
        waiting: requests that may wait for the model; more are answered with 503.
        slow_waiting: requests that may wait where each takes seconds.
        streams: connections that may follow runs at one moment.
        patience: seconds in which a request's body must have come.
    """

    gallery: Path
    host: str = "127.0.0.1"
    token: str | None = None
    hosts: tuple[str, ...] = ()
    denoiser: Path | None = None
    runs: tuple[Path, ...] = ()
    seed: int = 0
    apply: bool | None = None
    largest_upload: int = 16 * 2**20
    largest_json: int = 2**20
    largest_pixels: int = 25_000_000
    largest_cleaned: int = 640 * 480
    most_pictures: int = 16
    held_uploads: int = 256 * 2**20
    batch: int = 64
    waiting: int = 256
    slow_waiting: int = 16
    streams: int = 64
    patience: float = 60.0

    def __post_init__(self) -> None:
        if self.token is not None and len(self.token) < LEAST_TOKEN:
            raise OptionError(f"the token has {len(self.token)} characters; give {LEAST_TOKEN} or more")
        if self.token is not None and not (self.token.isascii() and self.token.isprintable() and " " not in self.token):
            raise OptionError("the token holds spaces or characters beyond ASCII; give letters, digits and signs")
        if self.token is None and not is_loopback(self.host):
            raise OptionError(f"host {self.host} can be reached from other machines; give a token, or host 127.0.0.1")

    @property
    def may_apply(self) -> bool:
        """Whether a review may be applied to files."""
        return self.apply if self.apply is not None else is_loopback(self.host) and not self.hosts


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
