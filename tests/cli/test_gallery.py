"""The gallery's commands as a user calls them: their JSON, what they print, and one line for each bad input."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.neighbors import NearestNeighbors

import lookalike as la
from lookalike.data import load
from lookalike.review import find_copies

DATA = "synthetic:120"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of synthetic faces at 16 x 16, and a gallery of them; tests only read these."""
    folder = tmp_path_factory.mktemp("built")
    faces = load(DATA, size=16)
    la.PCAAutoencoder(8).fit(faces, run=folder / "run")
    with la.Gallery.open(folder / "g", la.load_model(folder / "run"), metric="euclidean") as gallery:
        gallery.update(DATA)
    Image.fromarray(faces[3]).save(folder / "query.png")
    (folder / "bad.png").write_text("?")
    return folder


def test_index_builds_and_updates(call, built: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i, pixels in enumerate(load("synthetic:30", size=40)):
        Image.fromarray(pixels).save(pictures / f"{i:02d}.png")
    (pictures / "bad.png").write_text("?")
    command = ["index", built / "run", pictures, "--gallery", tmp_path / "g"]
    first = call(*command, "--recall", 0.9, "--json").json
    assert first.pop("seconds") > 0
    assert first.pop("why").startswith("Exact search wins")
    assert first == {
        "images": 30, "added": 30, "updated": 0, "removed": 0,
        "method": "exact", "recall_measured": 1.0, "kept": True,
        "rejected": [{"name": "bad.png", "reason": "is not a picture in a format that can be read"}],
        "unseen": [], "skipped": {}, "faceless": 0,
    }  # fmt: skip
    for name in ("00.png", "bad.png"):
        (pictures / name).unlink()
    Image.fromarray(load("synthetic:31", size=40)[30]).save(pictures / "01.png")
    second = call("index", built / "run", "--gallery", tmp_path / "g", "--json").json
    assert (second["images"], second["added"], second["updated"], second["removed"]) == (29, 0, 1, 1)
    assert second["rejected"] == []
    text = call(*command, "--method", "ivf", "--metric", "cosine").out
    assert "29 pictures in " in text
    assert "0 added, 0 updated, 0 removed, 0 set aside" in text
    assert "ivf search finds " in text
    assert "(90% promised)" in text
    assert la.Gallery.open(tmp_path / "g").metric == "cosine"


def test_search(call, built: Path) -> None:  # type: ignore[no-untyped-def]
    faces = load(DATA, size=16)
    found = call("search", built / "g", built / "query.png", "-k", 4, "--json").json
    assert found["milliseconds"] > 0
    codes = la.load_model(built / "run").encode(faces)
    distances, places = NearestNeighbors(n_neighbors=4).fit(codes).kneighbors(codes[3:4])
    assert [one["name"] for one in found["neighbours"]] == [faces.names[i] for i in places[0]]
    np.testing.assert_allclose([one["distance"] for one in found["neighbours"]], distances[0], atol=1e-4)
    assert found["neighbours"][0]["distance"] == 0
    by_name = call("search", built / "g", "--item", faces.names[3], "-k", 4, "--json").json
    assert by_name["neighbours"] == found["neighbours"]
    both = call("search", built / "g", built / "query.png", "--item", faces.names[9], "--json").json
    names, apart = la.Gallery.open(built / "g").search([faces[3], faces[9]])
    assert [one["name"] for one in both["neighbours"]] == names
    assert [one["distance"] for one in both["neighbours"]] == [float(distance) for distance in apart]
    some = call("search", built / "g", built / "query.png", "--where", "smile > 0 and glasses = 1", "--json").json
    table = la.Gallery.open(built / "g").attributes.loc[[one["name"] for one in some["neighbours"]]]
    assert len(table) == 5
    assert (table.smile > 0).all()
    assert (table.glasses == 1).all()
    none = call("search", built / "g", built / "query.png", "--where", "smile > 99")
    assert (none.code, none.out) == (0, "no stored picture meets the condition\n")


def test_tables_and_cameras_are_searched_by(call, built: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, pixels in enumerate(load("synthetic:8", size=40)):
        tags = Image.Exif()
        tags[0x0110], tags[0x0132] = "Pixel 7" if number % 2 else "Canon", f"2024:05:{number + 10} 12:00:00"
        Image.fromarray(pixels).save(pictures / f"{number}.jpg", exif=tags)
    (tmp_path / "t.tsv").write_text("picture\tword\trating\n" + "".join(f"{n}.jpg\tw{n}\t{n}\n" for n in range(8)))
    options = ["--attributes", tmp_path / "t.tsv", "--key", "picture", "--exif"]
    call("index", built / "run", pictures, "--gallery", tmp_path / "g", *options)
    query = ["search", tmp_path / "g", "--item", "3.jpg", "--json", "--where"]
    found = call(*query, "taken >= '2024-05-12' and camera like 'pixel%' and rating < 7").json["neighbours"]
    assert [one["name"] for one in found] == ["3.jpg", "5.jpg"]
    assert [one["name"] for one in call(*query, "word = 'w6'").json["neighbours"]] == ["6.jpg"]
    call("index", built / "run", "--gallery", tmp_path / "g", "--no-exif")
    assert "near are" in call(*query, "camera = 'Canon'").err


def test_what_cannot_be_listed_stays_and_is_said(  # type: ignore[no-untyped-def]
    call, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a share that is disconnected; nothing leaves the gallery, and a script can see it."""
    for number, pixels in enumerate(load("synthetic:6", size=40)):
        place = tmp_path / "pictures" / ("share" if number % 2 else "here")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number}.png")
    index = ["index", built / "run", tmp_path / "pictures", "--gallery", tmp_path / "g", "--json"]
    assert call(*index).json["added"] == 6
    listed = os.scandir

    def scandir(path: str = ".") -> object:
        if Path(path).name == "share":
            raise OSError(5, "Input/output error", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    outcome = call(*index)
    assert (outcome.json["unseen"], outcome.json["images"], outcome.json["removed"]) == (["share"], 6, 0)
    assert "share" in outcome.err


def test_search_says_which_are_matches_and_draws_them(call, built: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    options = ["--matches", 0.9, "-k", 20, "--force", "--out", tmp_path / "sheet.png"]
    found = call("search", built / "g", built / "query.png", *options, "--json").json
    threshold = la.Gallery.open(built / "g").threshold(0.9)
    assert found["threshold"] == threshold.as_json()
    assert threshold.distance is not None
    assert [one["match"] for one in found["neighbours"]] == [
        one["distance"] <= threshold.distance for one in found["neighbours"]
    ]
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert (sheet.format, sheet.width > 300) == ("PNG", True)
    text = call("search", built / "g", built / "query.png", *options).out.splitlines()
    assert text[0].split()[1:] == ["0.0000", "match"]
    assert len({line.index(".") for line in text[:20]}) == 1  # distances stand below one another
    assert max(map(len, text[:20])) <= 80
    assert text[-1] == f"wrote {tmp_path / 'sheet.png'}"


def test_search_says_where_codes_cannot_tell(call, built: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    gallery = la.Gallery.open(tmp_path / "g", la.load_model(built / "run"))
    pixels = np.repeat(load(DATA, size=16).pixels[:1], 20, axis=0)
    gallery.update(la.ImageSet(pixels, people=[f"{i // 2}" for i in range(20)]))
    search = ["search", tmp_path / "g", built / "query.png", "--matches", 0.1]
    found = call(*search, "--json").json
    assert found["threshold"]["distance"] is None
    assert {one["match"] for one in found["neighbours"]} == {None}
    assert "codes of this model cannot tell matches among 20 pictures" in call(*search).out


def test_duplicates(call, built: Path) -> None:  # type: ignore[no-untyped-def]
    expected = la.Gallery.open(built / "g").duplicates(2.5)
    assert len(expected.groups) > 2
    found = call("duplicates", built / "g", "--threshold", 2.5, "--json").json
    levels = ["codes"] * len(expected.groups)
    assert found == {"groups": expected.groups, "threshold": 2.5, "levels": levels, "applied": None}
    looked_at = call("duplicates", built / "g", "--json").json
    assert looked_at == {**find_copies(la.Gallery.open(built / "g")).as_json(), "applied": None}
    text = call("duplicates", built / "g", "--threshold", 2.5).out
    assert f"{len(expected.groups)} groups within a distance of 2.5" in text
    assert f"{len(expected.groups[0])} near-duplicates\n  {expected.groups[0][0]}\n" in text
    assert "1 group, 1 picture to spare" in call("duplicates", built / "g").out
    assert "leave one of them out" in call("duplicates", built / "g", "--threshold", 2.5, "--level", "near").err


def test_duplicates_against_new_pictures(call, built: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    new = tmp_path / "new"
    new.mkdir()
    stored, strange = load(DATA, size=16), load("synthetic:130", size=16)[120:]
    for number, pixels in enumerate([*stored[:3], *strange[:3]]):
        Image.fromarray(pixels).save(new / f"{number}.png")
    found = call("duplicates", built / "g", "--against", new, "--json").json
    expected = find_copies(la.Gallery.open(built / "g"), against=new)
    assert found == {**expected.as_json(), "applied": None}
    assert (
        f"in the gallery already: {len(expected.groups)} pictures of {new}\n"
        in call("duplicates", built / "g", "--against", new).out
    )


def test_from_a_folder_to_a_cleaned_copy_of_it(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """By three commands, and back by a fourth."""
    folder, clean = tmp_path / "in", tmp_path / "clean"
    folder.mkdir()
    for number, pixels in enumerate(load(DATA, size=16)[:20]):
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
        if number < 3:
            Image.fromarray(pixels).save(folder / f"{number:02} copy.bmp")
    call("train", folder, "--run", tmp_path / "run", "--model", "pca", "--code", 4, "--size", 16)
    gallery = ["duplicates", tmp_path / "g"]
    assert call("index", tmp_path / "run", folder, "--gallery", tmp_path / "g").code == 0
    wanted = [*gallery, "--keep", "unedited,shortest", "--apply", "copy", "--out", clean]
    shown = call(*wanted)
    assert "  keep  00.png  (no sign of an edit; the next is named 'copy')\n" in shown.out
    assert "  drop  00 copy.bmp  (a copy or an edit: named 'copy')\n" in shown.out
    assert "20 pictures would be copied" in shown.out
    assert not clean.exists()
    done = call(*wanted, "--no-dry-run")
    assert (done.code, sorted(path.name for path in clean.glob("*.png"))) == (0, [f"{n:02}.png" for n in range(20)])
    again = call(*wanted, "--no-dry-run", "--json").json
    assert again["groups"] == [[f"{n:02}.png", f"{n:02} copy.bmp"] for n in range(3)]
    assert again["levels"] == ["picture"] * 3
    assert (again["applied"]["how"], len(again["applied"]["already"])) == ("copy", 20)
    assert all(max(map(len, one.splitlines())) <= 80 or str(tmp_path) in one for one in (shown.out, done.out))

    (folder / "05.png").write_bytes(b"changed since")
    (clean / "05.png").unlink()
    failed = call(*wanted, "--no-dry-run")
    assert failed.code == 1
    assert "not done: 05.png: it was changed since the gallery was updated" in failed.out
    record = clean / "lookalike-applied.jsonl"
    assert call(*gallery, "--undo", record, "--json").json["dry_run"]
    assert "19 pictures removed again" in call(*gallery, "--undo", record, "--no-dry-run").out
    assert not list(clean.glob("*.png"))


BAD = {
    "keep with against": (["duplicates", "{built}/g", "--keep", "size", "--against", "x"], "leave --keep out"),
    "apply to codes": (["duplicates", "{built}/g", "--threshold", "1", "--apply", "trash"], "leave one of them out"),
    "out without apply": (["duplicates", "{built}/g", "--out", "x"], "give --apply list, copy or link"),
    "unknown rule": (["duplicates", "{built}/g", "--keep", "best"], "keep rule 'best' is unknown; give some of pixels"),
    "undo of nothing": (["duplicates", "{built}/g", "--undo", "{tmp}/none"], "cannot be read: No such file"),
    "undo with apply": (["duplicates", "{built}/g", "--undo", "x", "--apply", "list"], "leave the others out"),
    "no gallery": (["search", "{tmp}/none", "{built}/query.png"], "holds no gallery; build one with: lookalike index"),
    "a run is no gallery": (["search", "{built}/run", "{built}/query.png"], "holds no gallery"),
    "duplicates of nothing": (["duplicates", "{tmp}"], "holds no gallery"),
    "nothing asked": (["search", "{built}/g"], "nothing is searched for; give a picture file, or --item"),
    "no picture": (["search", "{built}/g", "{built}/bad.png"], "is not a picture in a format that can be read"),
    "no file": (["search", "{built}/g", "{tmp}/none.png"], "cannot be read: No such file"),
    "a folder for a picture": (["search", "{built}/g", "{tmp}"], "is a folder; give the pictures in it"),
    "no item": (["search", "{built}/g", "--item", "Nobody"], "no picture called Nobody is stored"),
    "k 0": (["search", "{built}/g", "{built}/query.png", "-k", "0"], "k is 0; ask for 1 neighbour or more"),
    "k no number": (["search", "{built}/g", "{built}/query.png", "-k", "x"], "Invalid value for '-k'"),
    "bad filter": (["search", "{built}/g", "{built}/query.png", "--where", "smil = 1"], "near are: smile"),
    "bad rate": (
        ["search", "{built}/g", "{built}/query.png", "--matches", "2"],
        "false matches are 2 a search; give a number",
    ),
    "bad threshold": (["duplicates", "{built}/g", "--threshold", "-1"], "threshold is -1; give a distance of 0"),
    "no run": (["index", "{tmp}/none", "synthetic:9", "--gallery", "{tmp}/g"], "is not a folder"),
    "no data": (["index", "{built}/run", "nowhere", "--gallery", "{tmp}/g"], "nowhere is not there"),
    "no data yet": (["index", "{built}/run", "--gallery", "{tmp}/g"], "holds no pictures yet; name DATA"),
    "gallery is a file": (["index", "{built}/run", DATA, "--gallery", "{built}/bad.png"], "is a file; give a folder"),
    "no gallery option": (["index", "{built}/run", DATA], "Missing option '--gallery'"),
    "no such table": (
        ["index", "{built}/run", DATA, "--gallery", "{tmp}/g", "--attributes", "none.csv"],
        "none.csv is not there",
    ),
    "a key of no table": (["index", "{built}/run", DATA, "--gallery", "{tmp}/g", "--key", "a"], "there is no table"),
    "bad recall": (["index", "{built}/run", DATA, "--gallery", "{tmp}/g", "--recall", "2"], "recall is 2; give"),
    "bad method": (["index", "{built}/run", DATA, "--gallery", "{tmp}/g", "--method", "tree"], "'tree' is unknown"),
    "bad metric": (["index", "{built}/run", DATA, "--gallery", "{tmp}/g", "--metric", "L1"], "'L1' is unknown"),
    "bad size": (["index", "{built}/run", DATA, "--gallery", "{tmp}/g", "--size", "20"], "takes pictures of 16 x 16"),
    "another model": (["index", "{tmp}/other", DATA, "--gallery", "{built}/g"], "holds the codes of another model"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_clear_line(call, built: Path, tmp_path: Path, case: str) -> None:  # type: ignore[no-untyped-def]
    if case == "another model":
        la.PCAAutoencoder(3).fit(load(DATA, size=16)).save(tmp_path / "other")
    arguments, message = BAD[case]
    outcome = call(*(argument.format(built=built, tmp=tmp_path) for argument in arguments))
    assert outcome.code == 2, outcome.err
    assert outcome.out == ""
    assert message in outcome.err
    assert outcome.err.startswith("lookalike: ")
    assert outcome.err.count("\n") == 1


def test_a_stored_name_is_found_without_the_model(built: Path) -> None:
    """PyTorch takes seconds to import; a search for what is stored needs none of it."""
    import subprocess

    command = (
        "import sys\nfrom lookalike.gallery import Gallery\n"
        f"gallery = Gallery.open({str(built / 'g')!r}, create=False)\n"
        "assert gallery.search(gallery.names[0], k=2).distances[0] == 0\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
