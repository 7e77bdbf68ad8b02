"""What every engine does with a piece: decode it, encode it, and make the table of it that is to be kept."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lookalike import files
from lookalike.data import arrays
from lookalike.data.exif import COLUMNS, read_exif
from lookalike.data.framing import Framing
from lookalike.data.images import Pixels, Rejected
from lookalike.data.names import of_face
from lookalike.data.pipeline import Decoded, Source, decode_all
from lookalike.growth.pieces import Member, Piece
from lookalike.growth.tables import parquet
from lookalike.models.base import Autoencoder
from lookalike.models.batched import exact_codes
from lookalike.pixels import Floats, as_channels

ABOUT = b"lookalike"
"""The key of what a table of codes says of itself."""
_WIDTH, _HEIGHT = (next(i for i, column in enumerate(COLUMNS) if column.name == name) for name in ("width", "height"))


class Facts(NamedTuple):
    """What is known of a picture's file: hexadecimal SHA-256, and pixels of the upright picture where it says so."""

    digest: str
    width: int | None
    height: int | None


class Part(NamedTuple):
    """A piece that was encoded: `table` is the Parquet file of its codes, which also says all that is beside it here.

    `length` are bytes of the source, `worker` who did it, in so many seconds.
    """

    shard: int
    number: int
    pictures: int
    length: int
    worker: str
    seconds: float
    table: bytes


class Worker:
    """Encodes pieces, one after the other.

    Args:
        model: the fitted model, used as it is.
        framing: how pictures are brought to its size.
        threads: that decode at once.
    """

    def __init__(self, model: Autoencoder, framing: Framing, threads: int = 1) -> None:
        self.model = model
        self.framing = framing
        self.threads = threads
        self._said: set[tuple[str, str]] = set()

    def __call__(self, piece: Piece, name: str) -> Part:
        """Encode a piece, as the worker of that name; what cannot be read is set aside with its reason."""
        started = time.perf_counter()
        rejected: list[Rejected] = []
        names, facts, pixels = self._framed(piece, rejected)
        codes = np.empty((0, self.model.code_size), np.float32)
        if len(pixels):
            codes = exact_codes(self.model, as_channels(pixels, self.model.image_shape_[2]))
        seconds = time.perf_counter() - started
        about = {
            "pictures": len(names),
            "rejected": rejected + piece.rejected,
            "skipped": piece.skipped,
            "length": piece.length,
            "is_last": piece.is_last,
        }
        table = written(names, codes, facts, about)
        return Part(piece.shard, piece.number, len(names), piece.length, name, seconds, table)

    def _framed(self, piece: Piece, rejected: list[Rejected]) -> tuple[list[str], list[Facts], Pixels]:
        if piece.pixels is not None:
            height, width = piece.pixels.shape[1:3]
            facts = [Facts(files.sha256(np.ascontiguousarray(one).data), width, height) for one in piece.pixels]
            return piece.names, facts, arrays.frame_array(piece.pixels, self.framing, None)
        told: dict[str, Facts] = {}
        sources = (Source(one.name, partial(_read, one, told), one.held) for one in piece.members)
        chunks = list(decode_all(sources, self.framing, workers=self.threads, said=self._said))
        rejected += [one for chunk in chunks for one in chunk.rejected]
        of = [name for chunk in chunks for name in chunk.names]
        names = [name for chunk in chunks for name in _names(chunk)]
        empty = np.empty((0, *self.framing.size, 3), np.uint8)
        return names, [told[name] for name in of], np.concatenate([empty, *(chunk.pixels for chunk in chunks)])


def _names(chunk: Decoded) -> Iterable[str]:
    if chunk.faces is None:
        return chunk.names
    return [of_face(name, None, face.number)[0] for name, face in zip(chunk.names, chunk.faces, strict=True)]


def _read(member: Member, told: dict[str, Facts]) -> bytes:
    content = member.read()
    seen = read_exif(content)
    told[member.name] = Facts(files.sha256(content), *(_whole(seen[place]) for place in (_WIDTH, _HEIGHT)))
    return content


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def written(names: list[str], codes: Floats, facts: list[Facts], about: dict[str, Any]) -> bytes:
    """A Parquet file of codes (n, K): name, code, digest, width and height, and `about` as JSON in its footer."""
    import pyarrow

    size = codes.shape[1]
    flat = pyarrow.array(np.ascontiguousarray(codes).reshape(-1))
    table = pyarrow.table(
        {
            "name": pyarrow.array(names, pyarrow.string()),
            "code": pyarrow.FixedSizeListArray.from_arrays(flat, size),
            "digest": pyarrow.array([one.digest for one in facts], pyarrow.string()),
            "width": pyarrow.array([one.width for one in facts], pyarrow.int32()),
            "height": pyarrow.array([one.height for one in facts], pyarrow.int32()),
        }
    ).replace_schema_metadata({ABOUT: json.dumps(about).encode()})
    file = io.BytesIO()
    parquet().write_table(table, file, **HOW)
    return file.getvalue()


HOW: dict[str, Any] = {"compression": "zstd", "use_dictionary": False}
"""How tables of codes are written: hardly a value comes twice."""
