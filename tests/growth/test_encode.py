"""Encoding sources of every kind: the codes of `encode`, kept so that a broken encoding goes on."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

import lookalike as la
from files import saved
from killing import DIED, Moment, finish, fresh_processes
from lookalike.data.stored import braces_expanded, stored_files
from lookalike.errors import DataError, Interrupted, MissingExtraError, OptionError, RunError
from lookalike.gallery.given import read_codes
from lookalike.growth import encode_source, ledger, pieces
from lookalike.models.loading import open_model
from shelves import BAD, COUNT, encoded, folder, parts, pictures, table, tar, zipped


@pytest.fixture(scope="module")
def codes(run: Path) -> np.ndarray:
    return open_model(run).encode(pictures())


@pytest.fixture
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MOST", 7)


def kept(out: Path) -> pyarrow.Table:
    """All rows of a folder, read by PyArrow alone."""
    return pyarrow.concat_tables(
        parquet.read_table(path).replace_schema_metadata(None) for path in sorted(out.glob("*.parquet"))
    )


def numbers(rows: pyarrow.Table) -> np.ndarray:
    return np.array(rows["code"].to_pylist(), np.float32)


def in_memory(name: str, content: bytes) -> str:
    with fsspec.filesystem("memory").open(f"/{name}", "wb") as file:
        file.write(content)
    return f"memory://{name}"


def test_a_row_tells_of_its_picture(run: Path, tmp_path: Path) -> None:
    wide = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 64, 3), np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    held = {"wide.png": saved(wide, "PNG"), "phone.jpg": saved(wide, "JPEG", exif=turned)}
    source = folder(tmp_path / "pictures", {**held, "bad.png": BAD})
    done = encode_source(run, source, tmp_path / "codes")
    rows = kept(tmp_path / "codes")
    assert rows.schema.names == ["name", "code", "digest", "width", "height"]
    assert rows.schema.field("code").type == pyarrow.list_(pyarrow.float32(), 6)
    found = {row["name"]: row for row in rows.to_pylist()}
    assert {name: row["digest"] for name, row in found.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in held.items()
    }
    assert [found["wide.png"][side] for side in ("width", "height")] == [64, 40]
    assert [found["phone.jpg"][side] for side in ("width", "height")] == [40, 64]
    loaded = la.load(source, size=16)
    np.testing.assert_allclose(numbers(rows), la.load_model(run).encode(loaded), atol=1e-6)
    assert rows["name"].to_pylist() == list(loaded.names)
    assert done.rejected == loaded.rejected
    (line,) = (tmp_path / "codes" / "rejected.jsonl").read_text().splitlines()
    assert json.loads(line) == loaded.rejected[0]._asdict()
    told = json.loads((tmp_path / "codes" / "encoding.json").read_text())
    assert (told["finished"], told["run"]) == (True, la.load_model(run).digest)
    assert (told["pictures"], told["rejected"], told["source"]) == (2, 1, str(source))
    assert sum(worker["pictures"] for worker in told["workers"].values()) == 2


def shards_in(path: Path, suffix: str, content: Callable[[dict[str, bytes]], bytes]) -> Path:
    path.mkdir()
    for number, held in parts(encoded()):
        (path / f"shard-{number}{suffix}").write_bytes(content(held))
    return path


SOURCES: dict[str, Callable[[Path], str | Path]] = {
    "folder": lambda path: folder(path / "pictures", encoded()),
    "folder, file://": lambda path: f"file://{folder(path / 'pictures', encoded())}",
    "tars, braces": lambda path: f"{shards_in(path / 'tars', '.tar', tar)}/shard-{{000..002}}.tar",
    "tars, pattern": lambda path: f"{shards_in(path / 'tars', '.tgz', lambda held: tar(held, 'w:gz'))}/*.tgz",
    "zips, a folder": lambda path: shards_in(path / "zips", ".zip", zipped),
    "Parquet, a folder": lambda path: shards_in(path / "tables", ".parquet", lambda held: table(held, "plain")),
    "Parquet": lambda path: (
        path.joinpath("one.parquet").write_bytes(table(encoded(), "struct")) and path / "one.parquet"
    ),
    "tar, memory://": lambda _: in_memory("one.tar", tar(encoded())),
    "zip, memory://": lambda _: in_memory("one.zip", zipped(encoded())),
    "folder, memory://": lambda _: [in_memory(f"all/{k}", v) for k, v in encoded().items()] and "memory://all",
    "array": lambda path: np.save(path / "faces.npy", pictures()) or path / "faces.npy",
}


@pytest.mark.usefixtures("short_pieces")
@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_gives_the_same_codes(kind: str, run: Path, codes: np.ndarray, tmp_path: Path) -> None:
    done = encode_source(run, SOURCES[kind](tmp_path), tmp_path / "codes")
    rows = kept(tmp_path / "codes")
    np.testing.assert_allclose(numbers(rows), codes, atol=1e-6)
    names = rows["name"].to_pylist()
    several = len(done.files) > 1
    if kind == "array":
        assert names == [f"{i:05d}" for i in range(COUNT)]
        expected = [hashlib.sha256(picture.tobytes()).hexdigest() for picture in pictures()]
    else:
        assert [name.rpartition("/")[2] for name in names] == list(encoded())
        assert all(name.startswith("shard-00") for name in names) is several
        expected = [hashlib.sha256(content).hexdigest() for content in encoded().values()]
    assert rows["digest"].to_pylist() == expected
    assert set(rows["width"].to_pylist()) == set(rows["height"].to_pylist()) == {16}
    assert len(done.files) == (3 if "s, " in kind or kind == "Parquet, a folder" else 1)
    assert (done.pictures, done.encoded, done.rejected) == (COUNT, COUNT, [])
    if "tar" in kind:
        assert done.skipped == {".json": COUNT}
    assert not list((tmp_path / "codes").glob(".*"))
    assert read_codes(tmp_path / "codes").names == names


def test_bad_pictures_and_shards_are_set_aside(run: Path, codes: np.ndarray, tmp_path: Path) -> None:
    held = encoded()
    whole = tar({name: BAD if i == 3 else content for i, (name, content) in enumerate(held.items())})
    (tmp_path / "tars").mkdir()
    (tmp_path / "tars" / "a.tar").write_bytes(whole)
    (tmp_path / "tars" / "b.tar").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "tars" / "c.parquet").write_bytes(b"PAR1, and no more")
    with pytest.raises(DataError, match=r"c\.parquet cannot be read as Parquet"):
        encode_source(run, tmp_path / "tars", tmp_path / "codes")
    (tmp_path / "tars" / "c.parquet").unlink()
    done = encode_source(run, tmp_path / "tars", tmp_path / "codes")
    names = kept(tmp_path / "codes")["name"].to_pylist()
    assert [name for name in names if name.startswith("a.tar/")] == [f"a.tar/{n}" for n in held if n != "003.png"]
    assert 20 < sum(name.startswith("b.tar/") for name in names) < 40
    first, second, damage = done.rejected
    assert (first.name, second.name, damage.name) == ("a.tar/003.png", "b.tar/003.png", "b.tar")
    assert "is damaged or cut off" in damage.reason
    np.testing.assert_allclose(numbers(kept(tmp_path / "codes"))[:59], np.delete(codes, 3, axis=0), atol=1e-6)


def test_nothing_usable_is_an_error(run: Path, tmp_path: Path) -> None:
    source = folder(tmp_path / "pictures", {"a.png": BAD})
    with pytest.raises(DataError, match=r"holds no usable picture; the first that was set aside: a\.png"):
        encode_source(run, source, tmp_path / "codes")
    for missing in ("memory://nowhere/at.tar", str(tmp_path / "{a,b}.tar"), str(tmp_path / "nowhere")):
        with pytest.raises(DataError, match=r"is not there|holds no files"):
            encode_source(run, missing, tmp_path / "codes")
    with pytest.raises(DataError, match="nosuch"):
        encode_source(run, "nosuch://bucket/a.tar", tmp_path / "codes")
    (tmp_path / "table.parquet").write_bytes(b"")
    parquet.write_table(pyarrow.table({"name": ["a"]}), tmp_path / "table.parquet")
    with pytest.raises(DataError, match="has the columns name, none of which holds pictures' bytes"):
        encode_source(run, tmp_path / "table.parquet", tmp_path / "codes")


def encode_and_die(run: Path, source: str, out: Path, at: int) -> None:
    pieces.MOST = 7
    moment = Moment(at)
    moment.before(ledger.files, "write_atomically")
    encode_source(run, source, out)


@pytest.mark.parametrize("at", [2, 4, 5, 14])
def test_a_killed_encoding_goes_on(run: Path, short_pieces: None, tmp_path: Path, at: int) -> None:
    """Killed before its first piece, between two, where a shard is put together, and at the side table."""
    source = f"{shards_in(tmp_path / 'tars', '.tar', tar)}/*.tar"
    assert finish(fresh_processes(), encode_and_die, run, source, tmp_path / "broken", at) == DIED
    before = read_before(tmp_path / "broken")
    if before < COUNT:
        with pytest.raises(DataError, match="not all of its pictures are encoded; give the encode command again"):
            read_codes(tmp_path / "broken")
    broken = encode_source(run, source, tmp_path / "broken")
    assert (broken.pictures, broken.encoded) == (COUNT, COUNT - before)
    whole = encode_source(run, source, tmp_path / "whole")
    assert [path.read_bytes() for path in broken.files] == [path.read_bytes() for path in whole.files]
    assert encode_source(run, source, tmp_path / "broken").encoded == 0
    assert {path.name for path in tmp_path.joinpath("broken").iterdir()} == {
        *(path.name for path in broken.files),
        *("encoding.json", "rejected.jsonl"),
    }


def read_before(out: Path) -> int:
    """Pictures whose codes a killed encoding has left."""
    whole = {path.name[:5]: parquet.read_metadata(path).num_rows for path in out.glob("*.parquet")}
    waiting = [path for path in (out / ".parts").glob("[0-9]*.parquet") if path.name[:5] not in whole]
    return sum(whole.values()) + sum(parquet.read_metadata(path).num_rows for path in waiting)


@pytest.mark.usefixtures("short_pieces")
def test_a_wish_to_stop_is_granted_between_pieces(run: Path, tmp_path: Path) -> None:
    source = folder(tmp_path / "pictures", encoded())

    def stop(done: int, total: int | None) -> None:
        assert total == COUNT
        if done == 14:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match=r"stopped with 14 pictures in .*; give the same command again to go on"):
        encode_source(run, source, tmp_path / "codes", progress=stop)
    assert encode_source(run, source, tmp_path / "codes").encoded == COUNT - 14


def test_how_far_a_tar_is_is_reckoned_by_its_bytes(run: Path, short_pieces: None, tmp_path: Path) -> None:
    (tmp_path / "one.tar").write_bytes(zipped(encoded()))
    told: list[tuple[int, int | None]] = []
    encode_source(run, tmp_path / "one.tar", tmp_path / "codes", progress=lambda *at: told.append(at))
    assert [done for done, _ in told] == [0, *range(7, COUNT, 7), COUNT]
    assert all(total is not None and COUNT * 0.8 < total < COUNT * 2 for _, total in told[1:])


def test_other_codes_are_not_gone_on_with(run: Path, tmp_path: Path) -> None:
    source, out = folder(tmp_path / "pictures", encoded(8)), tmp_path / "codes"
    encode_source(run, source, out)
    other = la.PCAAutoencoder(5).fit(pictures(50))
    grey = la.PCAAutoencoder(3).fit(pictures(50)[..., :1])
    for message, model, asked in (
        ("another run's model", other, {}),
        ("pictures that are framed otherwise", run, {"crop": 1}),
    ):
        with pytest.raises(OptionError, match=f"holds codes of {message}; give another --out, or --force"):
            encode_source(model, source, out, **asked)
    (source / "more.png").write_bytes(encoded(9)["008.png"])
    with pytest.raises(OptionError, match="holds codes of a source that has changed since"):
        encode_source(run, source, out)
    assert encode_source(grey, source, out, force=True).pictures == 9
    assert numbers(kept(out)).shape == (9, 3)
    with pytest.raises(OptionError, match=r"lies within .*, which is read; give a folder elsewhere"):
        encode_source(run, source, source / "codes")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("mine")
    with pytest.raises(OptionError, match="holds other files"):
        encode_source(run, source, tmp_path / "mine")
    with ledger.own_folder(out, force=False), pytest.raises(RunError, match="another process encodes into"):
        encode_source(grey, source, out)
    for message, options in (
        ("engine is 'spark'; give one of local, ray", {"engine": "spark"}),
        ("is of a Ray cluster; give engine ray", {"address": "auto"}),
        (r"size is \(8, 8\); this run's model takes pictures of \(16, 16\)", {"size": 8}),
    ):
        with pytest.raises(OptionError, match=message):
            encode_source(run, source, tmp_path / "new", **options)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="has no code"):
        encode_source(la.UNetDenoiser(width=4).initialise((16, 16, 3)), source, tmp_path / "new")


@pytest.mark.parametrize(("absent", "line"), [("ray.data", r"lookalike\[ray\]"), ("pyarrow", r"lookalike\[parquet\]")])
def test_a_missing_extra_is_named(
    absent: str, line: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder(tmp_path / "pictures", encoded(3))
    for name in [name for name in sys.modules if name == absent or name.startswith(f"{absent}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(MissingExtraError, match=rf"pip install '{line}'"):
        encode_source(run, source, tmp_path / "codes", engine="ray")


def test_pyarrow_reaches_what_fsspec_lacks_a_package_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path / "pictures", encoded(3))

    def absent(address: str) -> Any:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", absent)
    found = stored_files(f"file://{tmp_path / 'pictures'}")
    assert [file.name for file in found] == list(encoded(3))
    assert [file.read() for file in found] == list(encoded(3).values())
    with found[0].open() as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"


def test_braces_stand_for_several() -> None:
    assert list(braces_expanded("s3://b/{008..010}-{a,b}.tar")) == [
        *("s3://b/008-a.tar", "s3://b/008-b.tar", "s3://b/009-a.tar", "s3://b/009-b.tar"),
        *("s3://b/010-a.tar", "s3://b/010-b.tar"),
    ]
    assert list(braces_expanded("plain.tar")) == ["plain.tar"]


def test_the_command(call: Any, run: Path, tmp_path: Path) -> None:
    source = folder(tmp_path / "pictures", {**encoded(20), "bad.png": BAD, "notes.txt": b"mine"})
    done = call("encode", run, source, "--out", tmp_path / "codes", "--json").json
    assert (done["pictures"], done["encoded"], done["rejected"][0]["name"]) == (20, 20, "bad.png")
    assert done["files"] == ["00000-pictures-00000000.parquet"]
    assert done["skipped"] == {".txt": 1}
    assert done["pictures_per_second"] == pytest.approx(20 / done["seconds"])
    again = call("encode", run, source, "--out", tmp_path / "codes")
    assert "0 encoded now, 1 set aside" in again.out
    assert call("index", "--codes", tmp_path / "codes", "--gallery", tmp_path / "gallery", "--json").json["added"] == 20
    (first, *_) = call("search", tmp_path / "gallery", "--item", "003.png", "--json").json["neighbours"]
    assert first == {"name": "003.png", "distance": 0.0}
    other = call("encode", run, source, "--out", tmp_path / "codes", "--crop", 2)
    assert (other.code, len(other.err.splitlines())) == (2, 1)


@pytest.fixture(autouse=True)
def _empty_memory() -> Iterator[None]:
    yield
    fsspec.filesystem("memory").store.clear()
