"""LFW from its public addresses: checked, resumed where it broke off, from the next mirror where one fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookalike import files
from lookalike.errors import DownloadError, NoSpaceError

TIMEOUT = (10, 60)
"""Seconds to connect, and to wait for more bytes."""
PIECE = 1 << 18
TRIES = 3
"""Attempts at one address, each going on where the one before broke off."""

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class KnownFile:
    """A file with its checksum as pooch writes it ("md5:..." or "sha256:..."), its length, and where it is."""

    name: str
    checksum: str
    length: int | None
    addresses: Sequence[str]


_SITE = "http://vis-www.cs.umass.edu/lfw"
_MIRROR = "https://ndownloader.figshare.com/files"
LFW = {
    "lfw": KnownFile(
        "lfw.tgz",
        "sha256:055f7d9c632d7370e6fb4afc7468d40f970c34a80d4c6f50ffec63f5a8d536c0",
        180_566_744,
        (f"{_SITE}/lfw.tgz", f"{_MIRROR}/5976018"),
    ),
    "lfw-funneled": KnownFile(
        "lfw-funneled.tgz",
        "md5:1b42dfed7d15c9b2dd63d5e5840c86ad",
        None,
        (f"{_SITE}/lfw-funneled.tgz", f"{_MIRROR}/5976015"),
    ),
    "lfw-deepfunneled": KnownFile(
        "lfw-deepfunneled.tgz",
        "md5:68331da3eb755a505a502b5aacb3c201",
        108_761_145,
        (f"{_SITE}/lfw-deepfunneled.tgz",),
    ),
}


def fetch_lfw(name: str, progress: Progress | None = None) -> Path:
    """The archive of that name ("lfw", "lfw-funneled", "lfw-deepfunneled"), downloaded once into the cache."""
    return fetch(LFW[name], files.cache_folder() / "downloads", progress)


def fetch(known: KnownFile, folder: Path, progress: Progress | None = None) -> Path:
    """The path of a known file in `folder`, downloaded and checked if it is not there.

    `progress` is called with (bytes done, bytes in all or None). What a broken download left is gone on with.

    Raises:
        DownloadError: no address gave the file whole; the text names each with its reason.
        NoSpaceError: the disk is full; the next call goes on from what came.
    """
    import pooch

    logging.getLogger("pooch").setLevel(logging.WARNING)
    reasons = []
    for address in known.addresses:
        try:
            path = pooch.retrieve(
                address,
                known_hash=known.checksum,
                fname=known.name,
                path=folder,
                downloader=_Resuming(folder / f"{known.name}.part", known.length, progress),
            )
            return Path(path)
        except NoSpaceError:
            raise  # no other address helps
        except (OSError, ValueError) as error:  # requests' errors are OSErrors; pooch raises ValueError for a checksum
            reasons.append(f"{address}: {_short(error)}")
    raise DownloadError(
        f"{known.name} cannot be downloaded ({'; '.join(reasons)}); get it by hand and give its path as DATA"
    )


class _Resuming:
    """A downloader for pooch that keeps what it has in a `.part` file and asks for the rest."""

    def __init__(self, part: Path, length: int | None, progress: Progress | None) -> None:
        self.part = part
        self.length = length
        self.progress = progress

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        for attempt in range(TRIES):
            try:
                self._continue(url)
                break
            except NoSpaceError:
                raise
            except OSError as error:
                # A refusal is final; a connection that broke off is worth another try.
                if getattr(error, "response", None) is not None or attempt == TRIES - 1:
                    raise
        found = self.part.stat().st_size
        if self.length is not None and found != self.length:
            self.part.unlink()
            raise ValueError(f"{found:,} bytes came, the file has {self.length:,}")
        self.part.replace(output_file)

    def _continue(self, url: str) -> None:
        import requests

        self.part.parent.mkdir(parents=True, exist_ok=True)
        have = self.part.stat().st_size if self.part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                return  # nothing is left to come
            answer.raise_for_status()
            goes_on = answer.status_code == requests.codes.partial_content
            have = have if goes_on else 0
            coming = answer.headers.get("Content-Length")
            total = None if coming is None else have + int(coming)
            with (
                files.want_of_space_told(self.part, lambda: total or have),
                self.part.open("ab" if goes_on else "wb") as file,
            ):
                for piece in answer.iter_content(PIECE):
                    file.write(piece)
                    have += len(piece)
                    if self.progress is not None:
                        self.progress(have, total)
            if total is not None and have < total:
                raise OSError(f"broke off after {have:,} of {total:,} bytes")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
