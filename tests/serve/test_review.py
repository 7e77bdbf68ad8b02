"""The review over HTTP: queues, decisions that last, and what becomes of files."""

from __future__ import annotations

import io
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageFilter

import lookalike as la
from killing import fresh_processes
from lookalike.review.copies import find_copies
from lookalike.review.odd import outliers
from lookalike.review.screening import screen
from lookalike.serve.app import make_app
from lookalike.serve.running import listen, server_of
from lookalike.serve.settings import StudioSettings
from pictures import waves
from reviewed import reviewed_gallery, save_with_smaller, undecided, use_home
from studio import Served, pixels_of, serving
from waiting import PATIENCE, until

COUNT, COPIED, SAME = 24, 4, 2
TOKEN = "a-token-for-this-test"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, of some a copy with fewer pixels, of two the same file once more, and another that is blurred."""
    made = tmp_path_factory.mktemp("photos")
    (made / "again").mkdir()
    *pictures, last = waves(COUNT + 1, 96, 96)
    save_with_smaller(np.stack(pictures), made, COPIED, (80, 80))
    for number in range(COPIED, COPIED + SAME):
        shutil.copy(made / f"{number:02}.png", made / "again")
    Image.fromarray(last).filter(ImageFilter.GaussianBlur(9)).save(made / "blurred.png")
    return made


@pytest.fixture(scope="module")
def built(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of the folder, for which all is prepared."""
    return reviewed_gallery(folder, tmp_path_factory.mktemp("galleries") / "gallery", 12)


@pytest.fixture
def served(built: Path) -> Iterator[Served]:
    """The studio, with nothing decided yet."""
    with undecided(built) as studio:
        yield studio


def counts(served: Served) -> dict[str, tuple[int, int]]:
    facts = served.get("/api/v1/review").json()
    assert (facts["preparing"], facts["failed"]) == ([], [])
    return {one["key"]: (one["total"], one["done"]) for one in facts["queues"]}


def entries(served: Served, queue: str, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = served.get(f"/api/v1/review/{queue}", params=asked).json()["entries"]
    return found


def decide(served: Served, *decisions: tuple[str, list[int]], status: int = 200) -> list[int]:
    body = {"decisions": [{"kind": kind, "ids": ids} for kind, ids in decisions]}
    found: list[int] = served.post("/api/v1/review/decisions", status, json=body).json().get("sequences", [])
    return found


def test_queues_are_what_python_finds(served: Served, built: Path) -> None:
    told = {key: total for key, (total, _) in counts(served).items()}
    with la.Gallery.open(built, create=False) as gallery:
        copies = find_copies(gallery, level="scene")
        for level, number in Counter(copies.levels).items():
            assert told[f"copies-{level}"] == number
        assert (told["copies-bytes"], told["copies-near"]) == (SAME, COPIED)
        found = screen(gallery)
        for check in found.scores:
            assert told[f"bad-{check}"] == len(found.bad(check)), check
            assert [one["pictures"][0]["name"] for one in entries(served, f"bad-{check}")] == found.bad(check)
        assert "blurred.png" in found.bad("blur")
        assert told["odd"] == len(outliers(gallery).outliers)


def test_the_proposal_is_the_plans(served: Served, built: Path) -> None:
    with la.Gallery.open(built, create=False) as gallery:
        for rules in ("pixels,size", "shortest", "folder=again,pixels"):
            plan = find_copies(gallery, level="scene").keep(rules)
            found = [*entries(served, "copies-near", rules=rules), *entries(served, "copies-bytes", rules=rules)]
            shown = {tuple((one["name"], one["action"], one["reason"]) for one in each["pictures"]) for each in found}
            assert shown == {tuple(tuple(one) for one in group) for group in plan.groups}


def test_decisions_outlast_the_server(served: Served, built: Path) -> None:
    first = entries(served, "copies-near")[0]["pictures"]
    kept, dropped = (one["id"] for one in first)
    decide(served, ("keep", [kept]), ("drop", [dropped]))
    decide(served, ("drop", [served.ids()["blurred.png"]]))
    before = counts(served)
    assert before["copies-near"] == (COPIED, 1)
    decided = {first[0]["name"], first[1]["name"], "blurred.png"}
    assert before["bad-blur"][1] == len(decided & {one["pictures"][0]["name"] for one in entries(served, "bad-blur")})
    served.stop()
    with la.Gallery.open(built, create=False) as gallery:
        assert gallery.decisions.in_force().kept == {first[0]["name"]}
    with serving(built) as again:
        assert counts(again) == before
        assert entries(again, "copies-near")[0]["done"]
        assert entries(again, "copies-near", number=0) == entries(again, "copies-near")[:1]


def test_what_belongs_together_is_taken_back_together(served: Served) -> None:
    before = entries(served, "copies-near")
    kept, dropped = (one["id"] for one in before[1]["pictures"])
    numbers = decide(served, ("keep", [dropped]), ("drop", [kept]))
    swapped = entries(served, "copies-near")[1]
    assert [one["id"] for one in swapped["pictures"]] == [dropped, kept]
    assert swapped["done"]
    names = served.post("/api/v1/review/decisions/undo", json={"sequences": numbers}).json()["names"]
    assert sorted(names) == sorted(one["name"] for one in before[1]["pictures"])
    assert entries(served, "copies-near") == before
    assert served.post("/api/v1/review/decisions/undo", json={}).json()["names"] == []


@pytest.mark.parametrize("kind", ["keep-both", "not-duplicates"])
def test_pairs_are_decided(served: Served, kind: str) -> None:
    pair = [one["id"] for one in entries(served, "copies-bytes")[0]["pictures"]]
    decide(served, (kind, pair))
    assert counts(served)["copies-bytes"] == (SAME, 1)
    plan = served.post("/api/v1/review/apply", json={"how": "list"}).json()["plan"]
    dropped = {row["name"] for row in plan if row["action"] == "drop"}
    assert len(dropped) == COPIED + SAME - 1


def test_a_copy_and_the_way_back(served: Served, folder: Path, tmp_path: Path) -> None:
    decide(served, ("drop", [served.ids()["blurred.png"]]))
    out = tmp_path / "chosen"
    asked = {"how": "copy", "out": str(out)}
    said = served.post("/api/v1/review/apply", json=asked).json()
    assert said["dry_run"]
    assert said["done"] == COUNT
    assert not out.exists()
    served.post("/api/v1/review/apply", 422, json={**asked, "confirmed": COUNT - 1})
    assert not out.exists()
    done = served.post("/api/v1/review/apply", json={**asked, "confirmed": COUNT}).json()
    assert (done["dry_run"], done["done"], done["failed"]) == (False, COUNT, [])
    written = {path.name: path.read_bytes() for path in out.rglob("*") if path.suffix in (".png", ".jpg")}
    assert len(written) == COUNT
    assert "blurred.png" not in written
    originals = {path.read_bytes() for path in folder.rglob("*.*")}
    assert set(written.values()) <= originals
    assert [one["pictures"] for one in served.get("/api/v1/review").json()["applied"]] == [COUNT]
    assert served.post("/api/v1/review/apply/undo", json={"number": 0}).json()["undone"] == COUNT
    assert len(list(out.rglob("*.png"))) + len(list(out.rglob("*.jpg"))) == COUNT
    back = served.post("/api/v1/review/apply/undo", json={"number": 0, "confirmed": True}).json()
    assert (back["undone"], back["failed"]) == (COUNT, [])
    assert not [*out.rglob("*.png"), *out.rglob("*.jpg")]
    assert served.get("/api/v1/review").json()["applied"] == []


def test_to_the_trash_and_back(built: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is dropped lies in the system's trash as it was, everything else where it was, and all of it comes back."""
    photos = Path(shutil.copytree(folder, tmp_path / "photos"))
    use_home(tmp_path / "home", monkeypatch)
    reviewed_gallery(photos, tmp_path / "gallery", 12)
    before = {path.relative_to(photos): path.read_bytes() for path in photos.rglob("*.*")}
    with serving(tmp_path / "gallery") as studio:
        studio.wait_until_prepared()
        said = studio.post("/api/v1/review/apply", json={"how": "trash"}).json()
        dropped = {Path(row["name"]) for row in said["plan"] if row["action"] == "drop"}
        assert (said["dry_run"], said["done"]) == (True, COPIED + SAME)
        assert len(dropped) == COPIED + SAME
        assert all((photos / path).is_file() for path in before)
        done = studio.post("/api/v1/review/apply", json={"how": "trash", "confirmed": said["done"]}).json()
        assert (done["dry_run"], done["done"], done["failed"]) == (False, COPIED + SAME, [])
        left = {path.relative_to(photos): path.read_bytes() for path in photos.rglob("*.*")}
        assert left == {path: content for path, content in before.items() if path not in dropped}
        lying = [path.read_bytes() for path in (tmp_path / "home/data/Trash/files").iterdir()]
        assert sorted(lying) == sorted(before[path] for path in dropped)
        back = studio.post("/api/v1/review/apply/undo", json={"number": 0, "confirmed": True}).json()
        assert (back["undone"], back["failed"]) == (COPIED + SAME, [])
    assert {path.relative_to(photos): path.read_bytes() for path in photos.rglob("*.*")} == before


def serve_until_killed(gallery: Path, says: Any) -> None:
    """A server in a process of its own, which tells its port."""
    listener = listen("127.0.0.1", 0)
    says.send(listener.getsockname()[1])
    server_of(make_app(StudioSettings(gallery))).run(sockets=[listener])


def test_what_was_answered_outlasts_a_kill(built: Path, tmp_path: Path) -> None:
    """The server dies as by kill -9 right after its answers, and another one knows every decision."""
    gallery = Path(shutil.copytree(built, tmp_path / "gallery"))
    context = fresh_processes()
    hears, says = context.Pipe(False)
    process = context.Process(target=serve_until_killed, args=(gallery, says))
    process.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{hears.recv()}", timeout=PATIENCE, trust_env=False) as client:
            one = Served(client, None, gallery, process.kill)  # type: ignore[arg-type]
            until(lambda: client.get("/healthz").status_code == 200, "the studio comes up")
            for number in range(COPIED):
                kept, dropped = (picture["id"] for picture in entries(one, "copies-near")[number]["pictures"])
                decide(one, ("keep", [kept]), ("drop", [dropped]))
            before = entries(one, "copies-near")
            process.kill()
    finally:
        process.kill()
        process.join(PATIENCE)
    assert process.exitcode == -signal.SIGKILL
    with serving(gallery) as again:
        assert counts(again)["copies-near"] == (COPIED, COPIED)
        assert entries(again, "copies-near") == before


def test_refusals(served: Served) -> None:
    first, second = (one["id"] for one in entries(served, "copies-near")[0]["pictures"])
    served.get("/api/v1/review/pies", 422)
    served.get("/api/v1/review/odd?number=1000", 422)
    served.get("/api/v1/review/copies-near?rules=taste", 422)
    decide(served, ("keep", [10**9]), status=404)
    decide(served, ("keep-both", [first]), status=422)
    decide(served, ("keep", [first, second]), status=422)
    decide(served, ("burn", [first]), status=422)
    served.post("/api/v1/review/apply", 422, json={"how": "copy"})
    served.post("/api/v1/review/apply", 422, json={"how": "trash", "out": "/tmp/x"})
    served.post("/api/v1/review/apply/undo", 422, json={"number": 7})
    foreign = {"Origin": "http://elsewhere.example"}
    body = {"decisions": [{"kind": "drop", "ids": [first]}]}
    served.post("/api/v1/review/decisions", 403, json=body, headers=foreign)
    assert counts(served)["copies-near"] == (COPIED, 0)


def test_files_are_left_alone_where_others_may_come(built: Path, tmp_path: Path) -> None:
    with serving(built, token=TOKEN, hosts=("photos.example.org",)) as studio:
        studio.client.headers["Authorization"] = f"Bearer {TOKEN}"
        assert not studio.get("/api/v1/review").json()["may_apply"]
        asked = {"how": "copy", "out": str(tmp_path / "out")}
        assert "--apply" in studio.post("/api/v1/review/apply", 403, json=asked).json()["detail"]
        studio.post("/api/v1/review/apply/undo", 403, json={"number": 0})
        studio.post("/api/v1/review/apply", json={"how": "list"})


@pytest.mark.parametrize(
    ("given", "may"),
    [
        ({}, True),
        ({"host": "0.0.0.0", "token": TOKEN}, False),
        ({"hosts": ("photos.example.org",)}, False),
        ({"host": "0.0.0.0", "token": TOKEN, "apply": True}, True),
        ({"apply": False}, False),
    ],
)
def test_who_may_apply(given: dict[str, Any], may: bool) -> None:
    assert StudioSettings(Path("gallery"), **given).may_apply is may


def test_originals(served: Served, folder: Path) -> None:
    ids = served.ids()
    answer = served.get(f"/api/v1/items/{ids['00.png']}/original")
    assert (answer.content, answer.headers["X-Picture"]) == ((folder / "00.png").read_bytes(), "original")
    assert answer.headers["Content-Type"] == "image/png"
    hidden = folder / "05.png"
    content = hidden.read_bytes()
    hidden.unlink()
    try:
        stored = served.get(f"/api/v1/items/{ids['05.png']}/original")
    finally:
        hidden.write_bytes(content)
    assert stored.headers["X-Picture"] == "stored"
    assert np.array_equal(
        pixels_of(stored.content), pixels_of(served.get(f"/api/v1/items/{ids['05.png']}/thumbnail").content)
    )


def test_formats_that_browsers_do_not_show_come_as_png(tmp_path: Path) -> None:
    from lookalike.studio.reviewing import original_of

    pictures = waves(6, 20, 20)
    (tmp_path / "photos").mkdir()
    for number, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.tiff")
    with la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(2).fit(la.load(tmp_path / "photos", size=16))) as gallery:
        gallery.update(tmp_path / "photos", size=16)
        found = original_of(gallery, "3.tiff")
        assert found is not None
        content, kind = found
    assert kind == "image/png"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), pictures[3])
