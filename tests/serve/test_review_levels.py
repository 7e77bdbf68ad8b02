"""What is applied of what is proposed: copies unless shots of one scene are asked for, or only what was decided."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lookalike as la
from lookalike.review.copies import find_copies
from pictures import waves
from reviewed import reviewed_gallery, save_bursts, save_with_smaller, undecided, use_home
from scenes import scenes
from studio import Served, serving

COPIED = 3
SMALLER = {f"{number:02}-small.jpg" for number in range(COPIED)}
AGAIN = "again/05.png"
BURSTS = [{f"burst-{number}-{shot}.jpg" for shot in range(3)} for number in range(2)]


def save_photos(folder: Path) -> None:
    """Ten pictures, smaller copies of three, one file twice, and two bursts of three."""
    save_with_smaller(waves(10, 96, 128, seed=2), folder, COPIED, (96, 72))
    save_bursts(scenes(2, 5, 128), folder, 3)
    (folder / "again").mkdir()
    shutil.copy(folder / "05.png", folder / AGAIN)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    photos = tmp_path_factory.mktemp("photos")
    save_photos(photos)
    return reviewed_gallery(photos, tmp_path_factory.mktemp("galleries") / "gallery", 8, exif=True)


@pytest.fixture
def served(built: Path) -> Iterator[Served]:
    """The studio, with nothing decided yet."""
    with undecided(built) as studio:
        yield studio


def decide(served: Served, kind: str, *names: str) -> None:
    ids = served.ids()
    body = {"decisions": [{"kind": kind, "ids": [ids[name] for name in names]}]}
    served.post("/api/v1/review/decisions", json=body)


def asked(served: Served, **given: Any) -> tuple[set[str], int, int]:
    """What is dropped, and how much of it as decided and as proposed."""
    told = served.post("/api/v1/review/apply", json={"how": "list", **given}).json()
    dropped = {row["name"] for row in told["plan"] if row["action"] == "drop"}
    return dropped, told["as_decided"], told["as_proposed"]


def test_shots_of_one_scene_are_dropped_only_where_asked_for(served: Served, built: Path) -> None:
    dropped, own, proposed = asked(served)
    assert dropped & {"05.png", AGAIN}
    assert dropped - {"05.png", AGAIN} == SMALLER
    assert (own, proposed) == (0, COPIED + 1)
    with la.Gallery.open(built, create=False) as gallery:
        assert dropped == {one.name for one in find_copies(gallery).keep().dropped}  # as the command line does
    assert asked(served, level="near") == (dropped, own, proposed)
    with_scenes, own, proposed = asked(served, level="scene")
    assert [len(burst & with_scenes) for burst in BURSTS] == [2, 2]
    assert with_scenes - BURSTS[0] - BURSTS[1] == dropped
    assert (own, proposed) == (0, COPIED + 1 + 4)
    assert asked(served, level="picture")[0] == asked(served, level="bytes")[0] == dropped - SMALLER
    served.post("/api/v1/review/apply", 422, json={"how": "list", "level": "alike"})
    served.post("/api/v1/review/apply", 422, json={"how": "list", "only_decided": "yes"})


def test_a_decision_counts_at_any_level_and_alone_where_asked_for(served: Served) -> None:
    before = asked(served)[0]
    assert not served.get("/api/v1/review").json()["decided"]
    assert asked(served, only_decided=True) == (set(), 0, 0)
    decide(served, "drop", "burst-0-1.jpg")
    decide(served, "drop", "00.png")  # instead of the smaller one
    decide(served, "drop", "09.png")  # which has no copy
    decide(served, "keep", "burst-1-1.jpg")  # which drops no other shot
    decide(served, "keep", "02-small.jpg")  # nobody said that its copy goes
    assert served.get("/api/v1/review").json()["decided"]
    mine = {"burst-0-1.jpg", "00.png", "09.png"}
    others = before - SMALLER | {"01-small.jpg", "02.png"}
    assert asked(served) == (mine | others, len(mine), len(others))
    for level in ("bytes", "near", "scene"):
        assert asked(served, only_decided=True, level=level) == (mine, len(mine), 0)
    plan = served.post("/api/v1/review/apply", json={"how": "list", "only_decided": True}).json()["plan"]
    rows = {row["name"]: (row["level"], row["action"], row["reason"]) for row in plan}
    assert rows["burst-0-1.jpg"] == ("scene", "drop", "you decided to drop it")
    assert [rows.get(f"burst-0-{shot}.jpg", ("", ""))[1] for shot in (0, 2)].count("keep") == 1  # what stays for it
    assert rows["09.png"][0] is None


def test_what_stays_for_a_shot_is_looked_for_before_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the trash goes what was decided and nothing else, and not where what is kept for it is gone."""
    photos = tmp_path / "photos"
    photos.mkdir()
    save_photos(photos)
    use_home(tmp_path / "home", monkeypatch)
    reviewed_gallery(photos, tmp_path / "gallery", 8, exif=True)
    before = set(photos.rglob("*.*"))
    with serving(tmp_path / "gallery") as studio:
        studio.wait_until_prepared()
        for number in range(2):
            decide(studio, "keep", f"burst-{number}-0.jpg")
            decide(studio, "drop", f"burst-{number}-1.jpg")
        (photos / "burst-1-0.jpg").rename(tmp_path / "elsewhere.jpg")
        trash = {"how": "trash", "only_decided": True}
        said = studio.post("/api/v1/review/apply", json=trash).json()
        assert (said["done"], said["as_decided"], said["as_proposed"]) == (1, 1, 0)
        assert [one["name"] for one in said["failed"]] == ["burst-1-1.jpg"]
        done = studio.post("/api/v1/review/apply", json={**trash, "confirmed": 1}).json()
        assert (done["done"], done["as_decided"], done["as_proposed"]) == (1, 1, 0)
    gone = {path.name for path in before if not path.exists()}
    assert gone == {"burst-0-1.jpg", "burst-1-0.jpg"}


def test_the_document_says_what_scripts_get(served: Served) -> None:
    fields = served.get("/openapi.json").json()["components"]["schemas"]["Apply"]["properties"]
    assert fields["level"]["default"] == "near"
    assert fields["only_decided"]["default"] is False
    assert all(fields[name]["description"].endswith(".") for name in ("level", "only_decided"))
