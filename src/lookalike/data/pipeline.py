"""Many pictures become one array: decoded on all cores, in order, with bounded memory."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

import numpy as np

from lookalike.data.decode import check_length, decode_picture
from lookalike.data.framing import Framing, check_crop
from lookalike.data.images import FaceFacts, Pixels, Rejected
from lookalike.data.jpeg import RowDecoder, plain_header
from lookalike.data.resize import resize_bilinear
from lookalike.errors import OptionError, PictureError

CHUNK = 64
"""Pictures a task, at most: enough to keep a core busy, few enough to stay in its cache."""
PHOTOS = 4
"""Photos a task, at most, where faces are looked for, which takes a fraction of a second each."""
TASK_BYTES = 1 << 24
"""Bytes of a task's finished pictures; about so many of cropped ones wait to be resized together."""
HELD = 1 << 26
"""Bytes of an archive's members that wait to be decoded; where there are more, no further one is read."""

_log = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]


class Source(NamedTuple):
    """One picture of a source: its name, and how its bytes are read (in a worker; may raise PictureError).

    `held` are the bytes that are in memory before: what an archive gives one after the other.
    """

    name: str
    read: Callable[[], bytes]
    held: int = 0


class Decoded(NamedTuple):
    """A chunk: pixels (n, H, W, 3) of n pictures, the names of their sources, and the sources set aside with reasons.

    `notes` are what is to be said of a picture: its name and a sentence. Where faces are found in photos, `faces` tells
    where, and a name comes as often as its photo has faces.
    """

    pixels: Pixels
    names: list[str]
    rejected: list[Rejected]
    notes: list[tuple[str, str]]
    faces: list[FaceFacts] | None = None

    @property
    def sources(self) -> int:
        """How many sources it is made of."""
        photos = self.names if self.faces is None else [one for one in self.faces if one.number == 1]
        return len(photos) + len(self.rejected)


def decode_all(
    sources: Iterable[Source],
    framing: Framing,
    *,
    total: int | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
    said: set[tuple[str, str]] | None = None,
) -> Iterator[Decoded]:
    """Decode every source in order, chunk by chunk; zlib and the JPEG decoder release the interpreter's lock.

    `workers` threads do it, one a core where None is given; `said` holds what was warned of before.
    """
    remaining = iter(sources)
    done = 0
    workers = workers or available_cores()
    size = max(1, min(CHUNK, TASK_BYTES // (3 * framing.size[0] * framing.size[1])))
    said = set() if said is None else said
    decode = _decode_chunk
    if framing.faces is not None:
        size, decode = min(PHOTOS, size), _find_chunk
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[Decoded]] = deque()
        held: deque[int] = deque()
        try:
            while True:
                while len(pending) <= 2 * workers and sum(held) <= HELD and (chunk := _taken(remaining, size)):
                    held.append(sum(source.held for source in chunk))
                    pending.append(pool.submit(decode, chunk, framing))
                if not pending:
                    return
                held.popleft()
                decoded = pending.popleft().result()
                done += decoded.sources
                if progress is not None:
                    progress(done, total)
                _say_once(decoded.notes, said)
                yield decoded
        finally:
            for future in pending:
                future.cancel()


def _taken(remaining: Iterator[Source], most: int) -> list[Source]:
    """The next sources, fewer where they hold much."""
    taken: list[Source] = []
    held = 0
    for source in islice(remaining, most):
        taken.append(source)
        held += source.held
        if held > TASK_BYTES:
            break
    return taken


def _say_once(notes: list[tuple[str, str]], said: set[tuple[str, str]]) -> None:
    """Warn of each note once for a folder."""
    for name, note in notes:
        place = name.rpartition("/")[0], note
        if place not in said:
            said.add(place)
            _log.warning("%s %s; so for all such pictures of its folder", name, note)


def available_cores() -> int:
    """Cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not every system has it
        return os.cpu_count() or 1


_local = threading.local()


def _decode_chunk(chunk: list[Source], framing: Framing) -> Decoded:
    """Plain JPEGs of one size go through together, since a stack is resized faster than its pictures."""
    slots: list[Pixels | None] = [None] * len(chunk)
    rejected: list[Rejected] = []
    notes: list[tuple[str, str]] = []
    stacks: dict[tuple[int, ...], tuple[list[int], Pixels]] = {}
    waiting = 0

    def resize_all() -> None:
        for places, stack in stacks.values():
            for place, picture in zip(places, resize_bilinear(stack[: len(places)], framing.size), strict=True):
                slots[place] = picture
        stacks.clear()

    for place, source in enumerate(chunk):
        try:
            content = source.read()
            check_length(len(content))
            inner = _decode_rows(content, framing) if framing.fit == "stretch" else None
            if inner is None:
                said: set[str] = set()
                slots[place] = decode_picture(content, framing, said)
                notes += [(source.name, note) for note in said]
                continue
        except PictureError as error:
            rejected.append(Rejected(source.name, str(error)))
            continue
        if inner.shape not in stacks:  # new memory for each picture would cost as much as resizing it
            stacks[inner.shape] = [], np.empty((len(chunk), *inner.shape), np.uint8)
        places, stack = stacks[inner.shape]
        stack[len(places)] = inner  # copied before the decoder's buffer is used again
        places.append(place)
        waiting += inner.size
        if waiting > TASK_BYTES:
            resize_all()
            waiting = 0
    resize_all()
    kept = [(source.name, picture) for source, picture in zip(chunk, slots, strict=True) if picture is not None]
    pixels = np.empty((len(kept), *framing.size, 3), np.uint8)
    for row, (_, picture) in enumerate(kept):
        pixels[row] = picture
    return Decoded(pixels, [name for name, _ in kept], rejected, notes)


def _find_chunk(chunk: list[Source], framing: Framing) -> Decoded:
    """Every face of some photos; the detector's networks release the interpreter's lock."""
    from lookalike.data.faces.photos import portraits

    names: list[str] = []
    pixels: list[Pixels] = []
    facts: list[FaceFacts] = []
    rejected: list[Rejected] = []
    notes: list[tuple[str, str]] = []
    for source in chunk:
        said: set[str] = set()
        try:
            found = portraits(source.read(), framing, said)
        except PictureError as error:
            rejected.append(Rejected(source.name, str(error)))
            continue
        notes += [(source.name, note) for note in said]
        names += [source.name] * len(found)
        pixels += [one.pixels for one in found]
        facts += [one.facts for one in found]
    none = np.empty((0, *framing.size, 3), np.uint8)
    return Decoded(np.stack(pixels) if pixels else none, names, rejected, notes, facts)


def _decode_rows(content: bytes, framing: Framing) -> Pixels | None:
    """The cropped pixels of a plain JPEG in this thread's buffer, None where the careful way must take it."""
    header = plain_header(content)
    if header is None or header.height * header.width > 2**24:
        return None
    try:
        check_crop(framing.crop, header.height, header.width)
    except OptionError as error:
        raise PictureError(str(error)) from error
    if not hasattr(_local, "decoder"):
        _local.decoder = RowDecoder()
    stop = header.height - framing.crop
    rows = _local.decoder.decode(content, header, stop)
    if rows is None:
        return None
    inner: Pixels = rows[framing.crop : stop, framing.crop : header.width - framing.crop]
    return inner
