"""Which copy is kept: every rule, their order, and what is read of files for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter, zoom

import lookalike as la
from lookalike.choosing import RULES, Facts, rules_in_words, rules_of
from lookalike.errors import OptionError
from lookalike.gallery.decisions import InForce
from lookalike.review.copies import find_copies
from lookalike.review.facts import edited_by_name, facts_of
from lookalike.review.keeping import by_decisions, chosen_of
from lookalike.review.sharpness import sharpness
from scenes import scenes

PLAIN: dict[str, Any] = {
    **{"width": 800, "height": 600, "sharpness": 100.0, "format": "JPEG", "keeps": 1, "size": 5000},
    **{"time": "2024-05-17T14:30:00", "is_taken": True, "edited": ""},
}
NAMES = ("best of/a.jpg", "rest/b.jpg")
RULE_CASES = {
    "pixels": ({"width": 4000, "height": 3000}, {}, "the most pixels: 4000 x 3000 over 800 x 600"),
    "sharp": ({"sharpness": 120.0}, {}, "the sharpest, noise left out: 120 over 100"),
    "format": ({"format": "PNG", "keeps": 2}, {}, "the format that keeps most: PNG over JPEG"),
    "size": ({"size": 6000}, {}, "the largest file: 6,000 bytes over 5,000 bytes"),
    "newest": ({"time": "2024-06-01"}, {}, "the newest: 2024-06-01 over 2024-05-17 14:30:00"),
    "oldest": ({"time": "2023-12-31T09:00:00"}, {}, "the oldest: 2023-12-31 09:00:00 over 2024-05-17 14:30:00"),
    "folder=rest": ({}, {}, "in the preferred folder: rest over best of"),
    "shortest": ({}, {"name": "best of/a longer.jpg"}, "the shortest name: 5 letters over 12 letters"),
    "unedited": ({}, {"edited": "named '(1)'"}, "no sign of an edit; the next is named '(1)'"),
}


def facts(name: str, **known: Any) -> Facts:
    return Facts(**{"name": name, **PLAIN, **known})


@pytest.mark.parametrize("asked", RULE_CASES)
def test_each_rule_prefers_what_it_says_and_tells_why(asked: str) -> None:
    better, worse, reason = RULE_CASES[asked]
    one, other = facts("rest/b.jpg", **better), facts(**{"name": "best of/a.jpg", **worse})
    for group in ([one, other], [other, one]):
        first, second = chosen_of(group, rules_of(asked, NAMES))
        assert (first.name, first.action, first.reason) == ("rest/b.jpg", "keep", reason)
        assert (second.name, second.action) == (other.name, "drop")
    assert {rule.name for rule in RULES} == {name.partition("=")[0] for name in RULE_CASES}
    assert all(f"{rule.name}" in rules_in_words() for rule in RULES)


def test_rules_count_in_their_order_and_each_loss_has_its_reason() -> None:
    group = [
        facts("a.jpg", size=9000),
        facts("b.png", keeps=2, format="PNG", sharpness=95.0),
        facts("c.jpg", width=400, height=300, sharpness=500.0),
    ]
    told = {one.name: one.reason for one in chosen_of(group, rules_of("pixels,sharp,format,size", []))}
    assert told == {
        "b.png": "the format that keeps most: PNG over JPEG",
        "a.jpg": "a format that keeps less: JPEG against PNG",
        "c.jpg": "fewer pixels: 400 x 300 against 800 x 600",
    }
    assert chosen_of(group, rules_of("sharp", []))[0].name == "c.jpg"
    assert chosen_of(group, rules_of(["size", "pixels"], []))[0].name == "a.jpg"
    alike = chosen_of([facts("y.jpg"), facts("x.jpg")], rules_of("pixels,sharp", []))
    assert [one.name for one in alike] == ["x.jpg", "y.jpg"]
    assert "the first by name" in alike[0].reason
    for asked in ("sharp", "newest"):  # alike in these, so that the usual rules decide
        first, second = chosen_of([facts("a.jpg", size=900), facts("b.jpg", sharpness=91.0)], rules_of(asked, []))
        assert (first.name, second.reason) == ("b.jpg", "a smaller file: 900 bytes against 5,000 bytes")
    unknown = chosen_of([facts("a.jpg", time=""), facts("b.jpg")], rules_of("oldest", []))
    assert (unknown[0].name, unknown[1].reason) == ("b.jpg", "newer: unknown against 2024-05-17 14:30:00")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("prettiest", "'prettiest' is unknown; give some of pixels, sharp"),
        ("pixels,", "'' is unknown"),
        ("folder", "keep rule is 'folder'; give it as folder=NAME"),
        ("pixels=3", "keep rule is 'pixels=3'; give it as pixels"),
        ("folder=../rest", "folder '../rest' holds none of the gallery's pictures"),
        ("pixels,pixels", "give each once"),
        ("newest,oldest", "one of newest and oldest"),
    ],
)
def test_rules_that_cannot_be_are_refused(asked: str, told: str) -> None:
    with pytest.raises(OptionError, match=told.replace("(", r"\(")):
        rules_of(asked, NAMES)


def test_nothing_is_dropped_for_a_file_that_is_gone() -> None:
    gone = facts("gone.png", width=32, height=32, sharpness=900.0, size=0, is_read=False)
    for asked in ("pixels", "sharp", "shortest"):
        first, second = chosen_of([gone, facts("a longer name.jpg")], rules_of(asked, []))
        assert (first.name, first.reason) == ("a longer name.jpg", "its file can be read, that of another not")
        assert second.reason == "its file is gone or cannot be read; bring the gallery up to date"
    assert chosen_of([gone], rules_of("pixels", []))[0].action == "keep"


def test_decisions_go_before_rules() -> None:
    group = [facts(name, width=width) for name, width in (("a", 900), ("b", 800), ("c", 700), ("d", 600))]
    rules = rules_of("pixels", [])

    def actions(**decided: Any) -> dict[str, str]:
        return {one.name: one.action for one in chosen_of(group, rules, InForce(**decided))}

    def only(*names: str) -> dict[str, str]:
        return {name: "keep" if name in names else "drop" for name in "abcd"}

    assert actions() == only("a")
    assert actions(kept=frozenset("c")) == only("c")
    assert actions(dropped=frozenset("a")) == only("b")
    assert actions(both=frozenset({frozenset("cd")})) == only("a", "c", "d")
    assert actions(both=frozenset({frozenset("az")})) == only("a")
    assert actions(dropped=frozenset("abcd")) == only()
    assert {one.reason for one in chosen_of(group, rules, InForce(dropped=frozenset("abcd")))} == {
        "you decided to drop it; no copy of it stays"
    }
    assert chosen_of(group, rules, InForce(kept=frozenset("c")))[0] == ("c", "keep", "you decided to keep it")
    pairs = InForce(different=frozenset({frozenset("ac")}), both=frozenset({frozenset("de")}))
    assert by_decisions(["abc", "de", "ac"], pairs) == [["a", "b"]]


def test_sharpness_falls_with_blur_and_not_with_grain() -> None:
    generator = np.random.default_rng(0)
    luma = gaussian_filter(scenes(1, 0, 256)[0, ..., 1].astype(np.float32), 0.7)
    own = sharpness(luma)
    blurred = [sharpness(gaussian_filter(luma, sigma)) for sigma in (0.5, 1, 2, 4)]
    assert sorted(blurred, reverse=True) == blurred
    assert blurred[0] < own
    for deviation in (2.0, 5.0, 10.0, 20.0):
        noisy = luma + generator.normal(0, deviation, luma.shape).astype(np.float32)
        assert sharpness(noisy) == pytest.approx(own, rel=0.05)
        assert sharpness(gaussian_filter(luma, 2) + noisy - luma) < 0.7 * own
    for lit in (0.5 * luma + 60, 1.3 * luma, 200 - 0.6 * luma):  # as sepia and other colours change it
        assert sharpness(lit) == pytest.approx(own, rel=0.02)
    assert sharpness(zoom(zoom(luma, 0.25), 4)) < 0.9 * own  # made small and large again
    assert (sharpness(np.full((9, 9), 7.0, np.float32)), sharpness(luma[:2])) == (0.0, 0.0)


def test_names_of_copies_and_edits() -> None:
    edited = ("a/IMG_1 (1).jpg", "x copy.png", "x - Copy (2).png", "Copy of x.jpg", "x-edited.jpg", "x~2.jpg")
    assert all(map(edited_by_name, (*edited, "IMG_E1234.JPG", "été – copie.png", "x_bearbeitet.jpg", "x copy 3.jpg")))
    assert not any(map(edited_by_name, ("IMG_1.jpg", "copy/IMG_1.jpg", "photocopy.jpg", "credit.jpg", "a (b).jpg")))


def test_facts_are_read_of_files(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    picture = Image.fromarray(scenes(1, 0)[0])
    exif = Image.Exif()
    exif[0x0131] = "Adobe Photoshop 25.0 (Windows)"
    exif[0x8769] = {0x9003: "2021:02:03 04:05:06"}
    picture.save(folder / "a.jpg", exif=exif)
    picture.resize((60, 40)).save(folder / "b.png")
    picture.save(folder / "c.webp", lossless=True)
    picture.save(folder / "d.webp", quality=80)
    picture.save(folder / "e.tif", compression="jpeg")
    picture.convert("P").save(folder / "f.gif")
    picture.save(folder / "gone.bmp")
    with la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(2).fit(la.load(folder, size=8, cache=False))) as gallery:
        gallery.update(folder)
        (folder / "gone.bmp").unlink()
        found = facts_of(gallery, gallery.snapshot(), gallery.names)
    keeps = {name: one.keeps for name, one in found.items()}
    assert keeps == {"a.jpg": 1, "b.png": 2, "c.webp": 2, "d.webp": 1, "e.tif": 1, "f.gif": 0, "gone.bmp": 1}
    first, second = found["a.jpg"], found["b.png"]
    assert (first.time, first.is_taken) == ("2021-02-03T04:05:06", True)
    assert first.edited == "made by Adobe Photoshop 25.0 (Windows)"
    assert first.size == (folder / "a.jpg").stat().st_size
    assert (second.width, second.height, second.is_taken, second.edited) == (60, 40, False, "")
    assert np.datetime64(second.time) == np.datetime64(int((folder / "b.png").stat().st_mtime), "s")
    assert (found["gone.bmp"].width, found["gone.bmp"].size) == (8, 0)
    assert [name for name, one in found.items() if not one.is_read] == ["gone.bmp"]


def test_a_border_counts_for_no_pixels(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number, picture in enumerate(scenes(3, 6)):
        image = Image.fromarray(picture)
        image.save(folder / f"{number}.png")
        framed = Image.new(
            "RGB", (image.width + 24, image.height + 24), [(255, 255, 255), (0, 0, 0), (90, 20, 60)][number]
        )
        framed.paste(image, (12, 12))
        framed.save(folder / f"framed {number}.png")
    with la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(2).fit(la.load(folder, size=16, cache=False))) as gallery:
        gallery.update(folder)
        plan = find_copies(gallery).keep()
    assert sorted(group[0].name for group in plan.groups) == ["0.png", "1.png", "2.png"]
    side = scenes(1, 6).shape[1]
    assert {group[1].reason for group in plan.groups} == {
        f"fewer pixels: {side + 24} x {side + 24} with a border against {side} x {side}"
    }


def test_what_was_made_of_a_jpeg_without_loss_is_no_better(tmp_path: Path) -> None:
    """A PNG of the very pixels of a JPEG was made of it; one that a JPEG was made of has others."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, picture in enumerate(scenes(2, 5)):
        Image.fromarray(picture).save(folder / f"{number}.jpg", quality=90)
    Image.open(folder / "0.jpg").save(folder / "a.png")
    Image.fromarray(scenes(2, 5)[1]).save(folder / "b.png")
    with la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(2).fit(la.load(folder, size=8, cache=False))) as gallery:
        gallery.update(folder)
        plan = find_copies(gallery).keep()
    assert [[(one.name, one.action) for one in group] for group in plan.groups] == [
        [("0.jpg", "keep"), ("a.png", "drop")],
        [("b.png", "keep"), ("1.jpg", "drop")],
    ]
    assert plan.groups[0][1].reason == "a copy or an edit: made of a JPEG, of its very pixels"
