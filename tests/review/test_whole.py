"""A gallery gone through as a whole: in Python, by the command, and as files that hold everything they show."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from lookalike.report.review_page import write_review
from lookalike.review import Review, find_copies, groups, outliers, review, screen
from scenes import scenes

COUNT = 20
SMALL = ("0 small.jpg", "1 small.jpg", "<b>2 & small.jpg")
ALL = sorted([*(f"{number:02}.png" for number in range(COUNT)), *SMALL, "black.png"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty pictures, three of them once more and smaller, and a black one."""
    folder = tmp_path_factory.mktemp("whole") / "in"
    folder.mkdir()
    for number, picture in enumerate(scenes(COUNT, 11)):
        Image.fromarray(picture).save(folder / f"{number:02}.png")
    for number, name in enumerate(SMALL):
        Image.open(folder / f"{number:02}.png").resize((60, 60)).save(folder / name, quality=90)
    Image.new("RGB", (96, 96), (2, 2, 2)).save(folder / "black.png")
    return folder


@pytest.fixture(scope="module")
def held(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> la.Gallery:
    pictures = la.load(folder, size=16, cache=False)
    gallery = la.Gallery.open(tmp_path_factory.mktemp("whole") / "g", la.PCAAutoencoder(6).fit(pictures))
    gallery.update(folder, size=16)
    return gallery


@pytest.fixture(scope="module")
def found(held: la.Gallery) -> Review:
    return review(held, keep="pixels", false_alarms=0.1)


def test_it_is_what_its_parts_find(held: la.Gallery, found: Review) -> None:
    payload = found.as_json()
    plan = find_copies(held).keep("pixels")
    assert [one["keep"] for one in payload["duplicates"]] == [group[0].name for group in plan.groups]
    assert {one["keep"]: [member["name"] for member in one["members"]] for one in payload["duplicates"]} == {
        f"{number:02}.png": [name] for number, name in enumerate(SMALL)
    }
    assert payload["quality"] == screen(held).as_json()["quality"]
    assert payload["outliers"] == outliers(held, false_alarms=0.1).as_json()["outliers"]
    assert payload["groups"] == groups(held).as_json()["groups"]
    assert payload["seconds"] == pytest.approx(sum(payload["seconds_by_part"].values()))
    json.dumps(payload, allow_nan=False)


def test_distances_are_the_gallerys(held: la.Gallery, found: Review) -> None:
    for one in found.as_json()["duplicates"]:
        by_name = dict(zip(*held.search(one["keep"], k=len(held)), strict=True))
        for member in one["members"]:
            assert member["distance"] == pytest.approx(float(by_name[member["name"]]), abs=1e-4)


def test_a_row_for_each_picture(found: Review) -> None:
    frame = found.frame()
    assert list(frame.index) == ALL
    assert frame.loc[list(SMALL), "action"].tolist() == ["drop"] * 3
    assert frame.loc["00.png", "action"] == "keep"
    assert frame["action"].isna().sum() == COUNT + 1 - 3
    assert frame.loc["black.png", ["dark", "empty"]].min() >= 0.5


def test_others_that_are_here_already(held: la.Gallery, tmp_path: Path) -> None:
    others = tmp_path / "new"
    others.mkdir()
    pictures = scenes(COUNT + 1, 11)
    for number in (3, COUNT):
        Image.fromarray(pictures[number]).resize((70, 70)).save(others / f"new{number}.png")
    assert review(held, against=others).as_json()["against"] == [["new3.png", "03.png"]]


def test_the_files_hold_everything(held: la.Gallery, found: Review, tmp_path: Path) -> None:
    page, table, whole = write_review(held, found, tmp_path / "r.html")
    text = page.read_text()
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    assert "<b>2 &" not in text
    assert "&lt;b&gt;2 &amp; small.jpg" in text
    assert text.count("data:image/jpeg") >= 6
    with table.open(newline="") as rows:
        assert [row["name"] for row in csv.DictReader(rows)] == ALL
    assert json.loads(whole.read_text())["images"] == len(ALL)


def test_the_command(
    call: Callable[..., Any], held: la.Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, page = held.folder, tmp_path / "out.html"
    said = call("review", place, "--keep", "pixels", "--out", page, "--json")
    assert len(said.json["duplicates"]) == 3
    assert said.json["out"] == [str(page.with_suffix(end)) for end in (".html", ".csv", ".json")]
    before = page.read_bytes()
    assert call("review", place, "--out", page).code == 2
    assert page.read_bytes() == before
    monkeypatch.chdir(place.parent)  # the command that comes next has the gallery's path in it
    told = call("review", place.name)
    assert told.code == 0
    assert max(map(len, told.out.splitlines())) <= 80
    assert call("review", place, "--keep", "prettiest").code == 2
    assert call("review", tmp_path / "none").code == 2


@pytest.mark.parametrize("pictures", [np.zeros((1, 8, 8, 3), np.uint8), np.full((5, 8, 8, 3), 9, np.uint8)])
def test_few_and_all_alike(pictures: np.ndarray, tmp_path: Path) -> None:
    model = la.PCAAutoencoder(2).initialise((8, 8, 3))
    with la.Gallery.open(tmp_path / "g", model) as gallery:
        gallery.update(la.ImageSet(pictures))
        found = review(gallery)
        assert len(found.plan.dropped) == len(pictures) - 1
        assert not found.outliers.outliers
        write_review(gallery, found, tmp_path / "page.html")
