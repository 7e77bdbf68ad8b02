"""What clients send is read only as far as it is allowed to go."""

from __future__ import annotations

import asyncio
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import HTTPException
from PIL import Image, UnidentifiedImageError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike.data.bare import bare
from lookalike.data.formats import FORMATS, available_extras, heif_facts, kind_of, require
from lookalike.data.jxl import jxl_size
from lookalike.data.samples import tags_of
from lookalike.data.tones import first, is_raw_file
from lookalike.errors import PictureError
from lookalike.serve.refusals import busy, of_picture, shown, too_large
from lookalike.serve.settings import StudioSettings

logging.getLogger("python_multipart").setLevel(logging.ERROR)  # each damaged form is answered, not logged

FIELD = "image"
MOST_SCANS = 100
"""Of a progressive JPEG. Encoders write about ten; each costs a pass over the whole picture, however few its bytes."""
MOST_FIELDS = 64


class Budget:
    """Bytes that all requests together may hold in memory; counted in the event loop's one thread."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0

    def take(self, count: int) -> None:
        """Count bytes in.

        Raises:
            HTTPException: 503, there are too many.
        """
        if self.held + count > self.most:
            raise busy(f"the requests that are being read hold {self.held:,} of at most {self.most:,} bytes")
        self.held += count

    def give_back(self, count: int) -> None:
        """Count bytes out."""
        self.held -= count


class LimitedBodies:
    """ASGI middleware: no body is read beyond its limit, nor for longer than patience lasts.

    Bodies with pictures and all others have limits of their own; a length that is announced is judged before a byte is
    read. What is read is counted against one budget until the answer is done.
    """

    def __init__(self, app: ASGIApp, settings: StudioSettings) -> None:
        self.app = app
        self.settings = settings
        self.budget = Budget(settings.held_uploads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        is_upload = headers.get(b"content-type", b"").lower().startswith(b"multipart/")
        most = self.settings.largest_upload if is_upload else self.settings.largest_json
        announced = headers.get(b"content-length", b"")
        # The refusal is raised where the body is asked for, inside the application, which words all refusals alike.
        excess = too_large(int(announced), most) if announced.isdigit() and int(announced) > most else None
        taken, coming = 0, True
        patience = self.settings.patience
        deadline = asyncio.get_running_loop().time() + patience

        async def limited() -> Message:
            nonlocal taken, coming
            if excess is not None:
                raise excess
            if not coming:  # what follows the body is the client's leaving, whenever that is
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(
                    408, f"the request had not come whole after {patience:g} seconds; send it again, or a smaller one"
                ) from None
            coming = message.get("more_body", False)
            count = len(message.get("body", b""))
            if taken + count > most:
                raise too_large(None, most)
            self.budget.take(count)
            taken += count
            return message

        try:
            await self.app(scope, limited, send)
        finally:
            self.budget.give_back(taken)


async def uploads(request: Request, settings: StudioSettings) -> list[bytes]:
    """The pictures of a request: the parts `image` of its multipart body, undecoded.

    Raises:
        HTTPException: 415 where the body is no multipart form, 422 where it is damaged or holds no picture.
    """
    given = request.headers.get("content-type", "")
    kind, options = parse_options_header(given)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise HTTPException(
            415,
            f"the request's Content-Type is {shown(given)}; send multipart/form-data, with its boundary, and a picture "
            f"file in the field '{FIELD}'",
        )
    parts = _parts(await request.body(), options[b"boundary"])
    unknown = next((name for name, _ in parts if name != FIELD), None)
    if unknown is not None:
        raise HTTPException(422, f"the form has a field {shown(unknown)}; send pictures in fields named '{FIELD}'")
    if not 1 <= len(parts) <= settings.most_pictures:
        raise HTTPException(
            422, f"the form has {len(parts)} fields '{FIELD}'; send 1 to {settings.most_pictures} picture files"
        )
    return [content for _, content in parts]


async def upload(request: Request, settings: StudioSettings) -> bytes:
    """The one picture of a request; raises as `uploads`, and 422 for several."""
    found = await uploads(request, settings)
    if len(found) > 1:
        raise HTTPException(422, f"the form has {len(found)} pictures; send one")
    return found[0]


def _parts(body: bytes, boundary: bytes) -> list[tuple[str, bytes]]:
    """Names and contents of a multipart body's parts."""
    reader = _PartReader()
    try:
        parser = MultipartParser(boundary, reader.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        told = " ".join(str(error).split())
        raise HTTPException(422, f"the form cannot be read ({told}); send it as RFC 7578 has it") from None
    if not reader.ended:
        raise HTTPException(422, "the form is cut off: its last boundary is missing; send it whole")
    return reader.parts


class _PartReader:
    """Gathers what the parser calls out."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, bytes]] = []
        self.ended = False
        self._pieces: list[bytes] = []
        self._name, self._value, self._disposition = b"", b"", b""

    def callbacks(self) -> dict[str, Any]:
        return {
            "on_part_begin": self._begin,
            "on_part_data": lambda data, start, end: self._pieces.append(data[start:end]),
            "on_part_end": self._end,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        self._pieces, self._disposition = [], b""

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name, self._value = b"", b""

    def _end(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        self.parts.append((name, b"".join(self._pieces)))
        if len(self.parts) > MOST_FIELDS:
            raise HTTPException(422, f"the form has more than {MOST_FIELDS} fields; send fewer pictures at once")

    def _finish(self) -> None:
        self.ended = True


def check_picture(content: bytes, most: int) -> int:
    """How many pixels a picture's header claims, before anything is decoded; 0 of a RAW file, which tells that later.

    Raises:
        HTTPException: 422 for an empty file, 415 for what is no picture or needs an extra, 413 for more than `most`
            pixels.
    """
    if not content:
        raise HTTPException(422, "the picture is empty (0 bytes); send a picture file")
    with _refused_above(most):
        _check_webp(content, most)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind = kind_of(content)
            if kind in ("HEIF", "JXL"):
                require(kind)
                width, height = heif_facts(content)[0] if kind == "HEIF" else jxl_size(content)
                _check_size(width, height, most)
                return width * height
            if is_raw_file(content, kind):
                require("RAW")
                return 0
            try:
                image = Image.open(io.BytesIO(bare(content, kind).content), formats=FORMATS)
            except UnidentifiedImageError:
                if kind != "TIFF":
                    raise
                return _check_tiff(tags_of(content), most)  # of numbers that Pillow has no mode for
            with image:
                if image.format == "TIFF":
                    return _check_tiff(image.tag_v2, most)  # type: ignore[attr-defined]
                width, height = image.size
                _check_size(width, height, most)
                if image.format in ("JPEG", "MPO") and content.count(b"\xff\xda") > MOST_SCANS:
                    raise HTTPException(422, f"the JPEG has more than {MOST_SCANS} scans; save it anew with fewer")
                return width * height


_USUAL_BYTES = 6
"""Of a pixel of a TIFF, RGB in 16 bits; what has more counts for so many more pixels."""


def _check_tiff(tags: Any, most: int) -> int:
    """How many pixels a TIFF claims, or one of its tiles, which may claim more than the picture itself."""
    sizes = [[_whole(tags, tag) for tag in pair] for pair in ((256, 257), (322, 323))]
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    _check_size(width, height, most)
    held = width * height * _whole(tags, 277) * -(-_whole(tags, 258) // 8)
    if held > _USUAL_BYTES * most:
        found = f"the picture has {width} x {height} pixels, {held:,} bytes"
        raise HTTPException(413, f"{found}; the limit is {_USUAL_BYTES * most:,}: send a smaller one")
    return max(width * height, held // _USUAL_BYTES)


def _whole(tags: Any, tag: int) -> int:
    value = first(tags.get(tag))
    return value if isinstance(value, int) else 1


def _taken() -> str:
    """The formats that may be sent, by name."""
    return ", ".join((*FORMATS, *available_extras()))


@contextmanager
def _refused_above(most: int) -> Iterator[None]:
    try:
        yield
    except HTTPException:
        raise
    except PictureError as error:
        raise HTTPException(415, of_picture(str(error))) from None
    except Image.DecompressionBombError:
        raise HTTPException(
            413, f"the picture claims more pixels than the limit of {most:,}; send a smaller one"
        ) from None
    except Exception:  # Pillow's readers raise errors of many kinds on damaged headers
        raise HTTPException(
            415, f"this is not a picture in a format that can be read; send one of {_taken()}"
        ) from None


def _check_size(width: int, height: int, most: int) -> None:
    if width * height > most:
        found = f"the picture has {width} x {height} pixels, {width * height:,} in all"
        raise HTTPException(413, f"{found}; the limit is {most:,}: send a smaller one")


def _check_webp(content: bytes, most: int) -> None:
    """Pillow makes room for a WebP's whole canvas while it opens the file, so its size is read here first."""
    if content[:4] != b"RIFF" or content[8:16] != b"WEBPVP8X" or len(content) < 30:
        return
    width, height = (1 + int.from_bytes(content[at : at + 3], "little") for at in (24, 27))
    _check_size(width, height, most)
