"""What lives as long as the server: the gallery's newest state, the model, and the threads that work on them."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from lookalike.data import apart
from lookalike.data.images import Pixels
from lookalike.errors import GalleryError, LookalikeError
from lookalike.gallery import Gallery
from lookalike.gallery.folder import MODEL, build_with
from lookalike.gallery.snapshot import Asked, Found, Snapshot
from lookalike.interop.onnx_runtime import OnnxCodec
from lookalike.models import kind_named
from lookalike.pixels import as_channels
from lookalike.serve.batching import Batcher, Busy
from lookalike.serve.codecs import Cleaner, Codec, Codecs, Floats
from lookalike.serve.limits import check_picture
from lookalike.serve.metrics import Metrics
from lookalike.serve.refusals import busy, too_many_wait
from lookalike.serve.settings import StudioSettings
from lookalike.serve.uploaded import decoded
from lookalike.studio.preparing import Prepared, Preparer, folder_for, run_key
from lookalike.studio.runs import FollowedRun

if TYPE_CHECKING:
    from lookalike.studio.reviewing import Desk

Result = TypeVar("Result")

LOOK_EVERY = 0.5
"""Seconds between two looks at whether the gallery has changed."""
LARGE = 4_000_000
"""Pixels of a picture that is decoded while no other such one is: it takes up to 20 bytes a pixel for a moment.

So is one that has a process of its own to be decoded in."""
KEPT = 16
"""Answers that took long and are kept: duplicates at a few thresholds, maps, sheets, what the review goes through."""
_log = logging.getLogger(__name__)


class Search(NamedTuple):
    """Something to search for: pictures to encode, or what is asked already; and among which pictures."""

    pictures: Pixels | None
    asked: list[Asked]
    k: int
    filters: tuple[str, ...]


class Drawing(NamedTuple):
    """Codes (n, K) to draw, and how far towards the sharp decoder's pictures: 0 to 1."""

    codes: Floats
    sharp: float


class Answered(NamedTuple):
    """What was found in one search, and the codes (n, K) of what was searched for."""

    found: Found
    codes: Floats


class Studio:
    """Everything the routes ask. `start` brings it up in the background; `ready` says when searches are answered."""

    def __init__(self, settings: StudioSettings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.runs = [FollowedRun(run) for run in settings.runs]
        self.denoiser_key = None if settings.denoiser is None else run_key(settings.denoiser)
        self.gallery = Gallery.open(settings.gallery, create=False)
        if not len(self.gallery):
            self.gallery.close()
            raise GalleryError(f"{settings.gallery} holds no pictures yet; {build_with(settings.gallery)}")
        if not self.gallery.has_pictures:
            self.gallery.close()
            raise GalleryError(f"{settings.gallery} holds codes alone, of which there is nothing to show; search it")
        self.ready = threading.Event()
        self.stopping = threading.Event()
        self.streams = 0
        self.failure: str | None = None
        self._snapshot: Snapshot | None = None
        self._codec: Codec | None = None
        self._denoiser: Cleaner | None = None
        self.denoiser_failed = False
        self._large = threading.Lock()
        self._slow_waiting = 0
        self._decoding_waiting = 0
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def start(self) -> None:
        """Begin to come up."""
        settings = self.settings
        folder = folder_for(settings.gallery)
        self.prepared = Prepared(folder)
        self._codecs = Codecs(self.prepared)
        self.preparer = Preparer(settings.gallery, folder, seed=settings.seed)
        batches = self.metrics.batches
        limits = {"most": settings.batch, "waiting": settings.waiting}
        self._searching = Batcher(self._search_all, **limits, seen=batches.labels("search").observe)
        self._drawing = Batcher(self._draw_all, **limits, seen=batches.labels("decode").observe)
        self._slow = ThreadPoolExecutor(1, "slow")
        self._decoders = ThreadPoolExecutor(2, "decoding")
        self.metrics.watch("gallery_pictures", "Pictures in the gallery.", self._count)
        self.metrics.watch("searches_waiting", "Searches that wait for the model.", lambda: len(self._searching))
        self.metrics.watch("ready", "1 once searches are answered.", lambda: float(self.ready.is_set()))
        self._keeper = threading.Thread(target=self._keep_up, name="keeping up", daemon=True)
        self._keeper.start()

    def stop(self) -> None:
        """End all threads and processes, and close the gallery."""
        self.stopping.set()
        self.preparer.close()
        self._keeper.join(timeout=5)
        self._searching.close()
        self._drawing.close()
        for pool in (self._slow, self._decoders):
            pool.shutdown(wait=True, cancel_futures=True)
        self.gallery.close()

    @property
    def snapshot(self) -> Snapshot:
        """The newest state of the gallery that is loaded."""
        if self._snapshot is None:
            raise busy("the gallery is still being loaded")
        return self._snapshot

    @property
    def codec(self) -> Codec:
        """The gallery's model."""
        if self._codec is None:
            raise busy("the gallery's model is still being loaded")
        return self._codec

    @property
    def draws(self) -> bool:
        """Whether the model makes pictures of codes: all do but imported encoders."""
        return kind_named(str(self.snapshot.catalog.fact("kind"))).learns

    @property
    def sharp(self) -> str | None:
        """What names the sharp decoder that draws here; None where there is none, or not yet."""
        codec = self._codec
        if codec is None or isinstance(codec, OnnxCodec):
            return None if codec is None else codec.sharp
        decoder = self.gallery.model.own_sharp
        return None if decoder is None else decoder.digest

    @property
    def takes_words(self) -> bool:
        """Whether the model has an encoder of texts."""
        return not self.draws and self.gallery.model.has_text

    @property
    def denoiser(self) -> Cleaner | None:
        """The model that removes noise, None until it is loaded, or where there is none."""
        return self._denoiser

    @cached_property
    def desk(self) -> Desk:
        """The review of the gallery."""
        from lookalike.studio.reviewing import Desk

        return Desk(self.gallery, self.prepared.folder)

    def pending(self) -> list[str]:
        """What is still being prepared, and not there yet."""
        pending = [kind for kind in self.preparer.pending if not self._is_there(kind)]
        is_coming = self.denoiser_key is not None and self._denoiser is None and not self.denoiser_failed
        return [*pending, "denoiser"] if is_coming else pending

    def _count(self) -> int:
        return 0 if self._snapshot is None else len(self._snapshot.view.ids)

    async def search(self, search: Search) -> Answered:
        """Answer a search, together with whatever else waits."""
        return await self._patiently(self._searching.ask(search))

    async def of_words(self, text: str) -> list[Asked]:
        """A text as something to search for."""
        codes = await self._beside(lambda: self.gallery.encode_text(text)[None])
        return self.snapshot.of_codes(codes)

    async def draw(self, codes: Floats, *, sharp: float = 0) -> Floats:
        """Decode codes (n, K), together with whatever else waits for the same sharpness: centred, (n, H, W, C)."""
        return await self._patiently(self._drawing.ask(Drawing(codes, sharp)))

    async def framed(self, contents: list[bytes]) -> Pixels:
        """Uploaded pictures as the model takes them: uint8 (n, H, W, C)."""
        return np.stack(await self._decoded(contents, self.settings.largest_pixels, self._frame))

    async def whole(self, content: bytes, most: int) -> Pixels:
        """An uploaded picture at its own size, of at most `most` pixels: uint8 (H, W, 3)."""
        return (await self._decoded([content], most, lambda one: decoded(one, None, most)))[0]

    async def slowly(self, work: Callable[[], Result]) -> Result:
        """Do what takes long, one after the other; HTTP 503 where too many wait."""
        if self._slow_waiting >= self.settings.slow_waiting:
            raise too_many_wait(self.settings.slow_waiting)
        self._slow_waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._slow, work)
        finally:
            self._slow_waiting -= 1

    async def kept(self, key: Hashable, work: Callable[[], Result]) -> Result:
        """As `slowly`, and the last few answers are kept."""
        if key in self._kept:
            self._kept.move_to_end(key)
            held: Result = self._kept[key]
            return held
        found = await self.slowly(work)
        self._kept[key] = found
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found

    async def _patiently(self, asking: Awaitable[Result]) -> Result:
        try:
            return await asking
        except Busy:
            raise too_many_wait(self.settings.waiting) from None

    async def _decoded(self, contents: list[bytes], most: int, read: Callable[[bytes], Pixels]) -> list[Pixels]:
        def work() -> list[Pixels]:
            sizes = [check_picture(content, most) for content in contents]
            is_large = max(sizes) > LARGE or any(map(apart.is_needed, contents))
            with self._large if is_large else nullcontext():
                return [read(content) for content in contents]

        return await self._beside(work)

    async def _beside(self, work: Callable[[], Result]) -> Result:
        """Do what takes a moment beside the event loop; HTTP 503 where too many wait."""
        if self._decoding_waiting >= self.settings.waiting:
            raise too_many_wait(self.settings.waiting)
        self._decoding_waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._decoders, work)
        finally:
            self._decoding_waiting -= 1

    def made(self, kind: str) -> Any:
        """What was prepared of that kind from the newest state; None: not yet. The last few are kept."""
        key = ("made", kind, self.snapshot.digest)
        if key not in self._kept:
            value = self.prepared.known(kind, key[2])
            if value is None:
                return None
            self._kept[key] = value
        return self._kept[key]

    def _frame(self, content: bytes) -> Pixels:
        channels = self.snapshot.view.all_pixels.shape[3]
        return as_channels(decoded(content, self._framing, self.settings.largest_pixels), channels)

    def _search_all(self, jobs: list[Search]) -> list[Answered | Exception]:
        snapshot, codec = self.snapshot, self.codec
        counts = [0 if job.pictures is None else len(job.pictures) for job in jobs]
        given = [job.pictures for job in jobs if job.pictures is not None]
        asked = snapshot.of_pictures(np.concatenate(given), codec.encode) if given else []
        answers: list[Answered | Exception] = []
        for job, count in zip(jobs, counts, strict=True):
            own, asked = [*asked[:count], *job.asked], asked[count:]
            try:
                found = snapshot.search(own, job.k, job.filters) if job.k else Found(())
                answers.append(Answered(found, np.stack([one.code for one in own])))
            except Exception as error:  # one that fails takes no other with it
                answers.append(error)
        return answers

    def _draw_all(self, jobs: list[Drawing]) -> list[Floats | Exception]:
        drawn: dict[int, Floats] = {}
        for sharp in {job.sharp for job in jobs}:
            those = {number: job.codes for number, job in enumerate(jobs) if job.sharp == sharp}
            pictures = self.codec.decode(np.concatenate(list(those.values())), sharp=sharp)
            ends = np.cumsum([len(codes) for codes in those.values()])[:-1]
            drawn |= zip(those, np.split(pictures, ends), strict=True)
        return [drawn[number] for number in range(len(jobs))]

    def _keep_up(self) -> None:
        """Load the gallery and the model, then look for what has changed."""
        try:
            self._look()
            snapshot = self.snapshot
            codes = self.codec.encode(snapshot.picture(0)[None])  # what is loaded once is loaded now
            if self.draws:
                self.codec.decode(codes)
            snapshot.search([snapshot.of_place(0)], 1)
            self.ready.set()
            # Not before: a process that makes things would take half of what this one needs to come up.
            self.preparer.want(*(kind for kind in self._usual() if not self._is_there(kind)))
        except LookalikeError as error:
            self.failure = str(error)
            _log.error("%s", error)
            return
        _import_what_comes_late()
        told = ""
        while not self.stopping.wait(LOOK_EVERY):
            try:
                self._look()
                told = ""
            except LookalikeError as error:  # what was loaded before is still served
                if str(error) != told:
                    _log.warning("%s", error)
                told = str(error)

    def _look(self) -> None:
        if self._snapshot is None or self._snapshot.view.generation != self.gallery.generation:
            snapshot = self.gallery.snapshot()
            _ = snapshot.digest, snapshot.view.numbers
            self._framing = self.gallery.framing
            is_first, self._snapshot = self._snapshot is None, snapshot
            if not is_first:
                self.preparer.forgive()
                self.preparer.want("threshold", "directions")
        if not isinstance(self._codec, OnnxCodec):
            digest = str(self.snapshot.catalog.fact("model"))
            exported = self._codecs.open(self.settings.gallery / MODEL, digest)
            if isinstance(exported, OnnxCodec):
                self._codec = exported
            elif self._codec is None:  # of a kind that only PyTorch can export: PyTorch's own until that is done
                self._codec = self.gallery.model
        if isinstance(self._codec, OnnxCodec):
            digest = str(self.snapshot.catalog.fact("model"))
            self._codec = self._codecs.open_sharp(self.settings.gallery / MODEL, digest, self._codec)
        self._take_denoiser()

    def _take_denoiser(self) -> None:
        """On ONNX Runtime where that needs no PyTorch; else PyTorch's own, once searches are answered."""
        run, key = self.settings.denoiser, self.denoiser_key
        if run is None or key is None or self._denoiser is not None or self.denoiser_failed:
            return
        try:
            self._denoiser = self._codecs.open(run, key)
            if self._denoiser is None and self.ready.is_set():
                from lookalike.models.loading import load_model

                model = load_model(run)
                model.require_decoder()
                self._denoiser = model
        except LookalikeError as error:  # without it all else still works
            self.denoiser_failed = True
            _log.warning("%s", error)

    def _usual(self) -> list[str]:
        return [*(["models"] if self.draws else []), "threshold", "directions", "tsne"]

    def _is_there(self, kind: str) -> bool:
        if kind == "models":
            return isinstance(self._codec, OnnxCodec)
        if kind == "threshold":
            return self.gallery.known_threshold(seed=self.settings.seed) is not None
        return self.prepared.known(kind, self.snapshot.digest) is not None


def _import_what_comes_late() -> None:
    """The first edit, denoising or review would otherwise keep everybody waiting for what it imports."""
    for name in (
        "editing.directions",
        "editing.morph",
        "denoising.tiling",
        "noise",
        "models.pictures",
        "studio.reviewing",
    ):
        import_module(f"lookalike.{name}")
