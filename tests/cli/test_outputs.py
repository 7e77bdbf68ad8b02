"""No command of the README changes a byte of what was there: not of its inputs, not of others' files, not by links."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from lookalike.data import load
from lookalike.editing import learn_directions, save_directions
from page_runtime import need_runtime
from places import FIXTURES, ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

LINES = re.findall(r"^lookalike .*?--out .*?(?=\s+#|\s*$)", (ROOT / "README.md").read_text(), re.MULTILINE)
COMMANDS = {
    " ".join([words[1], *(words[words.index("--format") + 1 :][:1] if "--format" in words else ())]): words[1:]
    for words in map(shlex.split, LINES)
}
COMMANDS["bench"] += ["--pictures", "4"]  # that denoisers are judged on; one would take half a minute otherwise
COMMANDS["search"] = shlex.split("search gallery a.jpg -k 2 --out found.png")
COMMANDS["outliers"] = shlex.split("outliers gallery -k 3 --out odd.png")
KERAS = FIXTURES / "keras2" / "pca"
FOLDERS = {
    "train": "train pictures --model pca --code 3 --size 16 --run",
    "import": f"import {KERAS / 'encoder.h5'} {KERAS / 'decoder.h5'} --run",
    "index": "index runs/mine pictures --gallery",
    "groups": "groups gallery --smallest 2 --apply copy --no-dry-run --out",
}
"""What makes a folder of its own kind; the folder's name comes last."""
MINE = b"mine, and not to be lost"
LEARNED = ("gallery/catalog.sqlite", "runs/mine/mixture.json", "runs/mine/mixture.safetensors")
"""Where a gallery and a run keep what is found out of them, such as scores and thresholds, whoever asks first."""
LOCKS = (".lock",)
"""Opened, and never written into."""

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the README's commands read: runs, pictures, a gallery."""
    base = tmp_path_factory.mktemp("world")
    faces = load("synthetic:60", size=16)
    (base / "pictures").mkdir()
    for i, pixels in enumerate(faces.pixels):
        Image.fromarray(pixels).save(base / "pictures" / f"{i:02d}.png")
    for name in ("a", "b", "noisy"):
        for suffix in ("jpg", "png", "gif"):
            Image.fromarray(faces.pixels[len(name)]).save(base / f"{name}.{suffix}")
    train, _ = la.load(base / "pictures", size=16).split()
    Image.fromarray(np.eye(16, dtype=bool)).save(base / "mask.png")
    mine = la.PCAAutoencoder(4).fit(train, run=base / "runs" / "mine")
    la.sharpen(mine, train, epochs=1, width=4, run=base / "runs" / "mine", progress=False)
    known, _ = faces.split()
    other = la.PCAAutoencoder(4).fit(known, run=base / "runs" / "faces")
    save_directions(learn_directions(other, known, attributes=["smile"], count=1), other, base / "runs" / "faces")
    la.UNetDenoiser(width=4).fit(train, run=base / "runs" / "clean", epochs=1, progress=False)
    with la.Gallery.open(base / "gallery", model=mine) as gallery:
        gallery.update(base / "pictures", size=16)
    return base


@pytest.fixture
def here(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(world, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def held(folder: Path) -> dict[str, bytes | Path]:
    """Every file by its path with its content, and every link with where it leads; but for what galleries learn."""
    found: dict[str, bytes | Path] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = path.readlink()
        elif path.is_file() and name not in LEARNED:
            found[name] = path.read_bytes()
    return found


def is_kept(before: dict[str, bytes | Path], folder: Path) -> None:
    after = held(folder)
    assert {name for name in before if after.get(name) != before[name]} == set()


def out_of(command: list[str]) -> Path:
    return Path(command[command.index("--out") + 1])


def with_out(command: list[str], out: str | Path) -> list[str]:
    place = command.index("--out") + 1
    return [*command[:place], str(out), *command[place + 1 :]]


@pytest.fixture(params=sorted(COMMANDS))
def command(request: pytest.FixtureRequest) -> list[str]:
    if request.param == "export page":
        need_runtime()
    if request.param == "export keras" and find_spec("keras") is None:
        pytest.skip("without Keras")
    if request.param == "duplicates" and "onto_an_input" not in request.node.name:
        pytest.skip("it only shows what it would write; tests/review/test_applying.py lets it")
    if request.param == "encode" and "same_names" in request.node.name:
        pytest.skip("it goes on in its own folder; tests/growth/test_encode.py lets it")
    return COMMANDS[request.param]


def test_the_readme_has_commands_that_write() -> None:
    words = {name.split()[0] for name in COMMANDS}
    assert words >= {"reconstruct", "report", "morph", "edit", "denoise", "bench", "export", "search"}


def test_onto_an_input(command: list[str], here: Path, call: Call) -> None:
    suffix = out_of(command).suffix
    if suffix in (".png", ".gif"):  # the input is one that the command would also write
        command = [re.sub(r"\.jpg$", suffix, word) for word in command]
    inputs = [word for word in command[1:] if Path(word).exists()]
    pictures = [word for word in inputs if Path(word).is_file()]
    target = pictures[0] if pictures else str(next(p for p in sorted(Path(inputs[0]).rglob("*")) if p.is_file()))
    os.link(target, f"hard{suffix or '.png'}")
    Path(f"soft{suffix or '.png'}").symlink_to(target)
    before = held(here)
    for out in (target, f"./pictures/../{target}", f"hard{suffix or '.png'}", f"soft{suffix or '.png'}"):
        result = call(*with_out(command, out))
        assert (result.code, len(result.err.splitlines())) == (2, 1), result.err
        is_kept(before, here)
    if suffix:  # and not by force
        assert call(*with_out(command, target), "--force").code == (2 if pictures else 0)
        is_kept({name: before[name] for name in before if Path(name) != Path(target)} if not pictures else before, here)


def test_onto_files_of_the_same_names(command: list[str], here: Path, world: Path, call: Call, tmp_path: Path) -> None:
    before = held(here)
    assert call(*command).code == 0
    is_kept(before, here)
    written = [name for name in held(here) if name not in before]
    assert written
    is_file = bool(out_of(command).suffix)
    again = held(here)
    result = call(*command)  # what it wrote itself is kept as well
    is_kept(again, here)
    assert (result.code, "--force" in result.err) == ((2, True) if is_file else (0, False)), result.err
    if not is_file:
        new = [name for name in held(here) if name not in again]
        assert len(new) >= len(written)
        assert all(str(Path(name).parts[0]) in result.out or Path(name).name in result.out for name in new)
    for name in written:
        Path(name).write_bytes(MINE)
    others = held(here)
    assert call(*command, "--force").code == 0
    after = held(here)
    assert {name for name in after if after[name] != others.get(name)} == set(written)


def test_through_links(command: list[str], here: Path, call: Call) -> None:
    out, is_file = out_of(command), bool(out_of(command).suffix)
    assert call(*command).code == 0
    written = [path for path in (out.rglob("*") if out.is_dir() else [out]) if path.is_file()]
    elsewhere = here / "elsewhere"
    if is_file:
        elsewhere.write_bytes(MINE)
        out.unlink()
    else:
        shutil.move(out, elsewhere)
        for path in elsewhere.rglob("*"):
            if path.is_file():
                path.write_bytes(MINE)
    out.symlink_to(elsewhere)
    nowhere = out.with_name(f"nowhere{out.suffix}")
    nowhere.symlink_to(here / "not" / "there")
    before = held(here)
    for name in (out, nowhere):
        result = call(*with_out(command, name))
        is_kept(before, here)
        is_refused = is_file or name == nowhere or command[0] == "encode"  # which no longer knows its own folder
        assert result.code == (2 if is_refused else 0), result.err
    assert written


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_of_another_kind_keeps_what_it_has(name: str, here: Path, call: Call) -> None:
    """Under every name that the command would write, by itself and through a link."""
    words = FOLDERS[name].split()
    assert call(*words, "free").code == 0
    written = sorted(str(path.relative_to("free")) for path in Path("free").rglob("*") if path.is_file())
    assert written
    shutil.rmtree("free")
    for number, one in enumerate(written):
        folder = Path(f"mine-{number}")
        (folder / one).parent.mkdir(parents=True)
        (folder / one).write_bytes(MINE)
        Path(f"way-{number}").symlink_to(folder)
        for out in (folder, f"way-{number}"):
            code = call(*words, out).code
            assert (folder / one).read_bytes() == MINE, one
            assert code == 2 or (code == 0 and Path(one).name in LOCKS), one


@pytest.mark.parametrize("name", FOLDERS)
def test_no_folder_is_made_of_a_file(name: str, here: Path, call: Call) -> None:
    Path("soft").symlink_to("pictures/00.png")
    Path("nowhere").symlink_to("not/there")
    before = held(here)
    for out in ("pictures/00.png", "soft", "nowhere"):
        result = call(*FOLDERS[name].split(), out)
        assert (result.code, len(result.err.splitlines())) == (2, 1), result.err
        assert re.search(f"{out} is a (file|link)", result.err)
        is_kept(before, here)


def test_a_folder_of_pictures_takes_names_that_are_free(here: Path, call: Call) -> None:
    for name in ("a.png", "A-2.png", "sheet.png"):
        Path(name).write_bytes(MINE)
    before = held(here)
    found = call("denoise", "runs/clean", "a.jpg", "a.gif", "--out", ".", "--json").json
    is_kept(before, here)
    assert [Path(name).name for name in found["written"]] == ["a-2.jpg", "a-2.png", "sheet-2.png"]
    forced = call("denoise", "runs/clean", "a.gif", "b.png", "--out", ".", "--force", "--json").json
    assert [Path(name).name for name in forced["written"]] == ["a.png", "b-2.png", "sheet.png"]
    assert Path("b.png").read_bytes() == before["b.png"]  # it is read, and kept even so


def test_an_export_does_not_go_beside_the_current_folder(here: Path, call: Call) -> None:
    Path("encoder.onnx").write_bytes(MINE)
    result = call("export", "runs/mine", "--format", "onnx", "--out", ".")
    assert (result.code, "give a folder of its own" in result.err) == (2, True)
    assert Path("encoder.onnx").read_bytes() == MINE


def test_a_demonstration_writes_into_a_folder_of_its_own_only(here: Path, call: Call) -> None:
    Path("mine").mkdir()
    Path("mine/report.html").write_bytes(MINE)
    result = call("demo", "--out", "mine", "--images", 200, "--epochs", 1)
    assert (result.code, "holds other files; give a folder of its own, or --force" in result.err) == (2, True)
    assert held(Path("mine")) == {"report.html": MINE}


def test_the_check_comes_before_the_work(here: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("the model worked for nothing")

    for name in ("encode", "decode", "reconstruct"):
        monkeypatch.setattr(la.PCAAutoencoder, name, never)
        monkeypatch.setattr(la.UNetDenoiser, name, never, raising=False)
    for words in COMMANDS.values():
        out = out_of(words)
        if out.suffix:
            out.write_bytes(MINE)
            assert call(*words).code == 2
        else:
            assert call(*with_out(words, "a.jpg")).code == 2


def test_equal_pictures_of_names_in_another_case_stay_apart(here: Path, call: Call) -> None:
    Path("one").mkdir()
    for name in ("x.png", "X.jpg"):
        Image.fromarray(np.full((16, 16, 3), 90, np.uint8)).save(Path("one") / name)
    found = call("reconstruct", "runs/mine", "one/x.png", "one/X.jpg", "--out", "two", "--json").json
    assert [Path(name).name for name in found["written"]] == ["x.png", "X-2.png", "sheet.png"]


def test_pictures_of_16_bits_are_said_once_to_lose_8(here: Path, call: Call, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("x.png", "y.png", "z.tif"):
        Image.fromarray(np.full((16, 16), 40_000, np.uint16)).save(name)
    said = "of more than 8 bits a channel the first 8 are taken, and 8 are written"
    for words, named in (
        ("reconstruct runs/mine a.jpg x.png y.png z.tif --out out", "x.png and 2 more"),
        ("morph runs/mine x.png y.png --out m.png", "x.png and 1 more"),
        ("edit runs/faces z.tif --along smile --out e.png", "z.tif"),
        ("reconstruct runs/mine a.jpg a.png --out out", None),
    ):
        caplog.clear()
        assert call(*words.split()).code == 0
        assert caplog.messages == ([] if named is None else [f"{named}: {said}"])
