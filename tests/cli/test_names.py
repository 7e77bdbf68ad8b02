"""Names of any kind, and outputs of any encoding, through the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lookalike as la
from files import blocks
from lookalike.denoising.pictures import SheetRow, denoising_sheet
from lookalike.experiment import reconstruct_files
from lookalike.gallery.sheet import write_sheet
from lookalike.plots import save_figure
from pictures import waves

ODD = [
    f"{'n' * 251}.png", "cost_$10_vs_$20.png", "tab\there.png", "\N{GRINNING FACE}.png", "\u7167\u7247.png",
    "\x1b[31mred.png", "na\udcffme.png", "two\nlookalike: lines.png",
]  # fmt: skip


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("odd")
    for i, name in enumerate(ODD):
        blocks(seed=i).save(root / "plain.png")
        (root / "plain.png").rename(root / name)
    return root


@pytest.fixture(scope="module")
def model() -> la.PCAAutoencoder:
    return la.PCAAutoencoder(4).fit(waves(20, 16, 16))


def lookalike(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "lookalike", *map(str, words)],
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_data_on_any_output(odd: Path, tmp_path: Path, encoding: str) -> None:
    """With and without --json; the set-aside names are those that are hard to print."""
    root = tmp_path / "set"
    root.mkdir()
    for i in range(2):
        blocks(seed=i).save(root / f"{i}.png")
    for name in ODD:
        (root / name).write_bytes(b"no picture")
    told = lookalike("data", root, PYTHONIOENCODING=encoding, LOOKALIKE_CACHE=str(tmp_path))
    assert told.returncode == 0, told.stderr
    assert b"\x1b" not in told.stdout
    assert b"\t" not in told.stdout
    assert b"\nlookalike: lines" not in told.stdout
    assert told.stdout.count(b": is not a picture") == len(ODD)
    done = lookalike("data", root, "--json", PYTHONIOENCODING=encoding, LOOKALIKE_CACHE=str(tmp_path))
    assert done.returncode == 0, done.stderr
    names = {one["name"] for one in json.loads(done.stdout.decode(encoding))["rejected"]}
    assert names == {name.replace("\udcff", "\\xff") for name in ODD}


def test_sheets_take_any_name(odd: Path, tmp_path: Path, model: la.PCAAutoencoder) -> None:
    """Warnings are errors in tests: a glyph that a font lacks must not give one."""
    paths = [odd / name for name in ODD]
    written = reconstruct_files(model, paths, tmp_path / "out").written
    assert len(written) == len(ODD) + 1
    assert all(path.is_file() for path in written)
    with la.Gallery.open(tmp_path / "g", model) as gallery:
        gallery.update(odd)
        assert len(gallery) == len(ODD)
        asked: list[Path | str] = [paths[1]]
        write_sheet(gallery, asked, gallery.search(paths[1], len(ODD)), tmp_path / "sheet.png")
    picture = waves(1, 16, 16)[0]
    save_figure(denoising_sheet([SheetRow(name, [("as it is", picture)]) for name in ODD]), tmp_path / "denoised.png")


def test_a_run_and_a_folder_that_are_not_utf8(call: Callable[..., Any], tmp_path: Path) -> None:
    root = tmp_path / "pic\udcfftures"
    root.mkdir()
    for i in range(12):
        blocks(seed=i).save(tmp_path / "one.png")
        (tmp_path / "one.png").rename(root / f"{i}.png")
    run, gallery = tmp_path / "r\udcffun", tmp_path / "g\udcff"
    train = ("train", root, "--run", run, "--model", "pca", "--code", "2", "--json")
    done = lookalike(*train, LOOKALIKE_CACHE=str(tmp_path / "cache"))  # as a shell hands such names over
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"] == str(run)
    for words in (
        ("evaluate", run, "--json"),
        ("index", run, root, "--gallery", gallery, "--json"),
        ("search", gallery, root / "0.png", "--json"),
    ):
        outcome = call(*words)
        assert outcome.code == 0, outcome.err
        assert outcome.json


def test_what_was_taken_for_lfw_is_said(tmp_path: Path) -> None:
    for name in ("Ann_Lee/Ann_Lee_0001.jpg", "Bo/Bo_0001.jpg"):
        (tmp_path / "in" / name).parent.mkdir(parents=True)
        blocks(250, 250).save(tmp_path / "in" / name, "JPEG")
    environment = {"LOOKALIKE_CACHE": str(tmp_path / "cache")}
    done = lookalike("data", tmp_path / "in", "--json", **environment)
    assert b"has LFW's layout" in done.stderr
    assert b"--layout folder" in done.stderr
    payload = json.loads(done.stdout)
    assert (payload["layout"], payload["people"], payload["skipped"], payload["unseen"]) == ("lfw", 2, {}, [])
    settled = lookalike("data", tmp_path / "in", "--layout", "folder", "--json", **environment)
    assert settled.stderr == b""
    assert json.loads(settled.stdout)["people"] is None


SAID = "lookalike: drive cannot be seen; what it held before stays\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is full")
@pytest.mark.parametrize(
    ("where", "code", "out", "err"),
    [
        ("--json >&-", 0, "", SAID),
        (">&- 2>&- <&-", 0, "", ""),
        ("--json 2>&-", 0, "{", ""),
        ("| true; exit ${PIPESTATUS[0]}", 0, "", SAID),
        ("--json 2>/dev/null | true; exit ${PIPESTATUS[0]}", 0, "", ""),
        (">/dev/full 2>err; cat err | tail -n 1 >&2; exit 2", 2, "", "lookalike: No space left on device; make room,"),
    ],
)
def test_outputs_that_take_nothing(tmp_path: Path, where: str, code: int, out: str, err: str) -> None:
    """Closed, left by who read them, or full: no words of Python's, and none on the wrong stream."""
    root = tmp_path / "set"
    root.mkdir()
    for i in range(2):
        blocks(seed=i).save(root / f"{i}.png")
    (root / "drive").symlink_to(tmp_path / "nowhere")
    command = f"{sys.executable} -m lookalike data {root} {where}"
    environment = {**os.environ, "LOOKALIKE_CACHE": str(tmp_path / "cache"), "PYTHONUNBUFFERED": ""}
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr[: len(err) or None]) == (code, err)
    assert done.stdout[:1] == out
    assert "lookalike:" not in done.stdout


def test_names_on_stdin_may_be_no_text(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lookalike", "denoise", "-", "--out", str(tmp_path)]
    environment = {**os.environ, "PYTHONUTF8": "1"}
    done = subprocess.run(command, input=b"na\xffme.png\r\n", capture_output=True, env=environment)
    assert done.returncode == 2
    assert b"na\\udcffme.png: cannot be read: No such file" in done.stderr
