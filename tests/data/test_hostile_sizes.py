"""Archives, pictures and tables that claim, or unfold to, more than any memory holds."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from lookalike.data import archive, pipeline
from lookalike.data.jxl import jxl_size
from lookalike.data.source import read_picture
from lookalike.data.tables import read_table
from lookalike.errors import DataError, PictureError
from measured import assert_refused_cheaply

LOAD = "import lookalike as la, lookalike.data", "la.load(path, size=16, cache=False)"
SYSTEMS_OWN = "os.environ['ARROW_DEFAULT_MEMORY_POOL'] = 'system'"
"""Arrow's usual way to make room sets a GB of addresses aside, whatever it is asked for."""
TABLE = f"{SYSTEMS_OWN}; from lookalike.data.tables import read_table", "read_table(path)"
PICTURE = "from lookalike.data.source import read_picture", "read_picture(path, None)"
MIB = 2**20


# Archives


def member(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    facts = tarfile.TarInfo(name)
    facts.size, facts.type = size, kind
    return facts.tobuf(tarfile.GNU_FORMAT)


def zeros(file: IO[bytes], size: int) -> None:
    for _ in range(size // (4 * MIB)):
        file.write(bytes(4 * MIB))


def tar_of(path: Path, pack: Callable[[bytes], bytes], sizes: list[int], kind: bytes = tarfile.REGTYPE) -> Path:
    """Packed in parts, which all these formats allow one after the other."""
    block = pack(bytes(4 * MIB))
    members = (pack(member(f"{i}.png", size, kind)) + block * (size // (4 * MIB)) for i, size in enumerate(sizes))
    path.write_bytes(b"".join(members) + pack(bytes(1024)))
    return path


def claimed_tar(path: Path, size: int, kind: bytes = tarfile.REGTYPE) -> Path:
    path.write_bytes(member("a.png", size, kind) + bytes(2048))
    return path


def zip_of(path: Path, sizes: list[int]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for number, size in enumerate(sizes):
            with file.open(f"{number}.png", "w", force_zip64=True) as held:
                zeros(held, size)
    return path


def claimed_zip(path: Path) -> Path:
    content = bytearray(zip_of(path, [4 * MIB, 4 * MIB]).read_bytes())
    at = content.index(b"PK\1\2")
    content[at + 24 : at + 28] = struct.pack("<I", 2**32 - 16)
    path.write_bytes(content)
    return path


ARCHIVES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a member of 4 GB": (lambda p: tar_of(p / "a.tgz", gzip.compress, [4096 * MIB]), "unfolds to more"),
    "members of 128 MB": (lambda p: tar_of(p / "a.tgz", gzip.compress, [128 * MIB] * 32), "unfolds to more"),
    "an extended header": (lambda p: tar_of(p / "a.tgz", gzip.compress, [4096 * MIB], tarfile.XHDTYPE), "unfolds to"),
    "xz": (lambda p: tar_of(p / "a.txz", lzma.compress, [4096 * MIB]), "unfolds to more"),
    "bzip2": (lambda p: tar_of(p / "a.tbz", bz2.compress, [4096 * MIB]), "unfolds to more"),
    "a claim of 2 GB": (lambda p: claimed_tar(p / "a.tar", 2**31 - 512), "ends too early"),
    "a claim of a terabyte": (lambda p: claimed_tar(p / "a.tar", 2**40), "ends too early"),
    "a claim in a header": (lambda p: claimed_tar(p / "a.tar", 2**40, tarfile.XHDTYPE), "damaged or cut off"),
    "a zip's claim": (lambda p: claimed_zip(p / "a.zip"), "a.zip"),
    "a zip's member": (lambda p: zip_of(p / "a.zip", [260 * MIB]), "0.png has 272,629,760 bytes; the limit is"),
    "a zip's members": (lambda p: zip_of(p / "a.zip", [64 * MIB] * 6), "unfolds to more"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives(name: str, tmp_path: Path) -> None:
    make, message = ARCHIVES[name]
    path = make(tmp_path)
    assert path.stat().st_size < 10 * MIB
    assert message in assert_refused_cheaply(path, *LOAD)


def test_no_more_members_are_read_than_can_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real pictures, each large: what is read ahead of the decoding is counted by its bytes."""
    picture = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)).save(picture, "BMP")
    length = len(picture.getvalue())
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        for number in range(200):
            facts = tarfile.TarInfo(f"{number}.bmp")
            facts.size = length
            file.addfile(facts, io.BytesIO(picture.getvalue()))
    monkeypatch.setattr(pipeline, "TASK_BYTES", 2 * length)
    monkeypatch.setattr(pipeline, "HELD", 4 * length)
    waiting = most = 0
    given, decode = archive._holding, pipeline._decode_chunk

    def counted(name: str, content: bytes) -> Any:
        nonlocal waiting, most
        waiting += len(content)
        most = max(most, waiting)
        return given(name, content)

    def decoded(chunk: Any, framing: Any) -> Any:
        nonlocal waiting
        result = decode(chunk, framing)
        waiting -= sum(source.held for source in chunk)
        return result

    monkeypatch.setattr(archive, "_holding", counted)
    monkeypatch.setattr(pipeline, "_decode_chunk", decoded)
    assert len(la.load(tmp_path / "a.tar", size=16, cache=False)) == 200
    assert length < most <= 8 * length


def test_masks_of_two_colours_may_be_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "SLACK", 0)
    drawing = io.BytesIO()
    sketch = np.random.default_rng(0).integers(0, 2, (50, 50), np.uint8) * np.uint8(255)
    Image.fromarray(sketch).resize((400, 400), Image.Resampling.NEAREST).convert("RGB").save(drawing, "BMP")
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as file:
        for number in range(8):
            facts = tarfile.TarInfo(f"{number}.bmp")
            facts.size = len(drawing.getvalue())
            file.addfile(facts, io.BytesIO(drawing.getvalue()))
    assert len(la.load(tmp_path / "a.tgz", size=16, cache=False)) == 8


# Pictures


def png(path: Path, side: int) -> Path:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packed, row = zlib.compressobj(1), bytes(side + 1)
    rows = b"".join([*(packed.compress(row) for _ in range(side)), packed.flush()])
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    return path


def webp(path: Path) -> Path:
    """A canvas of 268 megapixels with a frame of 256 on it."""
    small = io.BytesIO()
    Image.new("RGB", (16, 16)).save(small, "WEBP", lossless=True)
    side, inner = (15).to_bytes(3, "little"), small.getvalue()[12:]
    frame = bytes(6) + side * 2 + (10).to_bytes(3, "little") + b"\0" + inner
    canvas = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + (16_382).to_bytes(3, "little") * 2
    body = b"WEBP" + canvas + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body += b"ANMF" + struct.pack("<I", len(frame)) + frame
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def tiff(path: Path, **tags: tuple[int, int, int]) -> Path:
    """One strip of 16 x 16 grey pixels, but for the tags given: t256=(type, count, value)."""
    held = {256: (4, 1, 16), 257: (4, 1, 16), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 150)}
    held |= {277: (3, 1, 1), 278: (4, 1, 16), 279: (4, 1, 256)}
    held |= {int(name[1:]): value for name, value in tags.items()}
    if 322 in held:
        held = {tag: value for tag, value in held.items() if tag not in (273, 278, 279)}
    table = b"".join(struct.pack("<HHII", tag, *value) for tag, value in sorted(held.items()))
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(held)) + table + bytes(500))
    return path


def in_boxes(path: Path, kind: str, side: int) -> Path:
    """An AVIF or HEIC whose header claims another size than its picture has."""
    stream = io.BytesIO()
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").from_pillow(Image.new("RGB", (64, 64))).save(stream)
    else:
        Image.new("RGB", (64, 64)).save(stream, kind)
    content = stream.getvalue()
    at = content.index(b"ispe") + 8
    path.write_bytes(content[:at] + struct.pack(">II", side, side) + content[at + 8 :])
    return path


def jxl(path: Path, side: int) -> Path:
    """The header of a square, and the rest of a small picture."""
    pytest.importorskip("pillow_jxl")
    stream = io.BytesIO()
    Image.new("RGB", (64, 64)).save(stream, "JXL", use_container=False)
    bits = (3 << 1) | ((side - 1) << 3) | (1 << 33)  # not small; 30 bits of height; as wide as high
    path.write_bytes(b"\xff\x0a" + bits.to_bytes(5, "little") + stream.getvalue()[4:])
    return path


def gif(path: Path, side: int, frames: int) -> Path:
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    path.write_bytes(b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6) + frame * frames + b";")
    return path


PICTURES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "PNG": (lambda p: png(p / "a.png", 10_500), "claims more pixels"),
    "WebP": (lambda p: webp(p / "a.webp"), "claims more pixels"),
    "TIFF": (lambda p: tiff(p / "a.tif", t256=(4, 1, 30_000), t257=(4, 1, 30_000)), "claims more pixels"),
    "TIFF of a tile": (
        lambda p: tiff(p / "a.tif", t259=(3, 1, 8), t322=(4, 1, 60_000), t323=(4, 1, 60_000), t324=(4, 1, 250),
                       t325=(4, 1, 256)), "",
    ),
    "TIFF of samples": (lambda p: tiff(p / "a.tif", t277=(3, 1, 60_000)), "60000 numbers of 8 bits a pixel"),
    "TIFF of strips": (lambda p: tiff(p / "a.tif", t273=(4, 2**30, 150)), ""),
    "AVIF": (lambda p: in_boxes(p / "a.avif", "AVIF", 16_000), "claims more pixels"),
    "HEIC": (lambda p: in_boxes(p / "a.heic", "HEIF", 16_000), ""),
    "JPEG XL": (lambda p: jxl(p / "a.jxl", 2**29), "claims more pixels"),
    "GIF": (lambda p: gif(p / "a.gif", 60_000, 2), "claims more pixels"),
}  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(name: str, tmp_path: Path) -> None:
    make, message = PICTURES[name]
    assert message in assert_refused_cheaply(make(tmp_path), *PICTURE, named="")


def test_few_frames_of_a_large_animation_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lookalike.data import tones

    tried: list[bool] = []
    monkeypatch.setattr(tones, "is_blank", lambda image: bool(tried.append(True)) or True)
    for side, count in ((2000, 33), (100, 50)):
        tried.clear()
        read_picture(gif(tmp_path / "a.gif", side, 50), None)
        assert len(tried) == count


@pytest.mark.parametrize("boxed", [False, True])
def test_the_size_of_a_jpeg_xl(boxed: bool) -> None:
    pytest.importorskip("pillow_jxl")
    sizes = [(8, 8), (16, 64), (9, 7), (300, 200), (640, 360), (1, 5000), (2000, 1), (480, 400), (36, 24)]
    for size in sizes:
        stream = io.BytesIO()
        Image.new("RGB", size).save(stream, "JXL", use_container=boxed)
        assert jxl_size(stream.getvalue()) == size
        with pytest.raises(PictureError, match="does not say its size"):
            jxl_size(stream.getvalue()[:9])


# Arrays


def packed_header(path: Path) -> Path:
    """That fills the file, and says that it is longer still."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open("x.npy", "w", force_zip64=True) as held,
    ):
        held.write(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1))
        zeros(held, 512 * MIB)
    return path


def test_an_array_with_a_long_header(tmp_path: Path) -> None:
    assert_refused_cheaply(packed_header(tmp_path / "a.npz"), *LOAD)
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + bytes(1000))
    assert_refused_cheaply(tmp_path / "a.npy", *LOAD)
    assert_refused_cheaply(tmp_path / "a.npy", "from lookalike.gallery.given import read_codes", "read_codes(path)")


def test_an_npy_that_is_none_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", pixels=np.zeros((3, 4, 4, 3), np.uint8))
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with pytest.raises(DataError, match=r"a.npy cannot be read as NumPy arrays"):
        la.load(tmp_path / "a.npy", size=4)


# Tables


def parquet(path: Path, columns: dict[str, Any]) -> Path:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet as written

    written.write_table(pa.table(columns), path, compression="zstd")
    return path


def repeated(text: str, rows: int) -> Any:
    pa = pytest.importorskip("pyarrow")
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))


def many_rows(path: Path) -> Path:
    pa = pytest.importorskip("pyarrow")
    return parquet(path, {"name": pa.chunked_array([repeated("x.png", 10**6)] * 4)})


def scattered(path: Path) -> Path:
    path.write_text("\n".join(f'{{"name": "{i}", "c{i}": 1}}' for i in range(20_000)))
    return path


def sparse(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(2**34)
    return path


TABLES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "rows": (lambda p: many_rows(p / "a.parquet"), "declares 4,000,000 rows of 1 columns"),
    "a text": (lambda p: parquet(p / "a.parquet", {"name": ["a" * 2**27]}), "bytes"),
    "a text often": (lambda p: parquet(p / "a.parquet", {"name": repeated("a" * 10**6, 10**5)}), "texts have more"),
    "columns": (lambda p: parquet(p / "a.parquet", {f"c{i}": [1] for i in range(5000)}), "has 5,000 columns"),
    "objects": (lambda p: scattered(p / "a.jsonl"), "name 20,001 columns"),
    "no end": (lambda p: sparse(p / "a.csv"), "the limit is 268,435,456"),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_tables(name: str, tmp_path: Path) -> None:
    make, message = TABLES[name]
    assert message in assert_refused_cheaply(make(tmp_path), *TABLE)


def test_a_table_of_a_few_texts_is_read(tmp_path: Path) -> None:
    names = [f"{i:06d}.png" for i in range(5000)]
    path = parquet(tmp_path / "a.parquet", {"name": names, "place": ["Rome", None] * 2500, "size": list(range(5000))})
    table = read_table(path)
    assert (len(table.rows), table.rows["000003.png"], table.rows["000002.png"]) == (5000, (None, 3.0), ("Rome", 2.0))
