"""The studio as a folder on a plain file server, with every other address out of reach."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lookalike as la
from browsing import SET, decoded, until, until_drawn
from lookalike.denoising import denoise
from studio import png

pytestmark = pytest.mark.slow
FILTERS = (
    "hat > 0.5",
    "smile >= 0.2 and (hat = 0 or glasses != 1)",
    "person like 'b%' or name like '%0002'",
    "not_there > 1",
    "hat >",
    "hat like 'x'",
    "(hat > 0",
)


@pytest.mark.parametrize("width", ["desktop", "phone"])
def test_find_blend_edit(
    exported: str, visit: Any, gallery: Any, faces: la.ImageSet, tmp_path: Path, width: str
) -> None:
    page = visit(exported, width)
    cards = page.locator(".results .grid a.card")
    cards.nth(5).click()
    name = gallery.names[5]
    expected = gallery.search(name, 48)
    until(page, "document.querySelectorAll('.results a.card b').length === 48")
    assert [cards.nth(i).get_attribute("title") for i in range(48)] == expected.names
    shown = [float(text) for text in page.locator(".results .card b").all_inner_texts()]
    assert shown == pytest.approx(expected.distances, abs=6e-4)

    (tmp_path / "me.png").write_bytes(png(faces.pixels[7]))
    page.locator(".drop input[type=file]").set_input_files(tmp_path / "me.png")
    page.wait_for_url("**#find?q=~*")
    # The results before began with 0.000 as well, so it is the name that is waited for.
    until(page, f"document.querySelector('.results a.card')?.title === '{gallery.search(faces.pixels[7], 1).names[0]}'")
    assert cards.first.locator("b").inner_text() == "0.000"

    page.get_by_role("link", name="Blend").click()
    page.locator(".film .card").nth(6).wait_for()
    page.locator("#across").evaluate(SET, 0)
    model = gallery.model
    code = model.encode(faces.pixels[7:8])[0]
    until_drawn(page, "canvas.stage", decoded(model, code))
    page.get_by_label("Draw sharp").check()
    until_drawn(page, "canvas.stage", la.to_uint8(model.decode([code], sharp=True))[0])
    page.get_by_role("slider", name="How sharp").evaluate(SET, 0.25)
    quarter = 0.75 * model.decode([code]) + 0.25 * model.decode([code], sharp=True)
    until_drawn(page, "canvas.stage", la.to_uint8(quarter)[0])
    page.locator("#tab-edit").click()
    page.locator(".groups .slider").first.wait_for()
    page.get_by_label("Direction 1", exact=True).evaluate(SET, 2)
    page.wait_for_url("**principal-1**")


def test_map_duplicates_clean(
    exported: str, visit: Any, gallery: Any, faces: la.ImageSet, folders: dict[str, Path], tmp_path: Path
) -> None:
    page = visit(f"{exported}/#map")
    page.locator(".map-page .told", has_text="240 pictures; near ones").wait_for()
    assert page.get_by_role("radio", name="t-SNE").is_checked()
    page.get_by_role("radio", name="PCA").check()
    page.wait_for_url("**layout=pca**")
    page.goto(f"{exported}/#duplicates?upto=0.3")
    page.locator(".group").first.wait_for()
    shown = page.locator(".group").evaluate_all(
        "all => all.map(one => [...one.querySelectorAll('a.card')].map(l => l.title))"
    )
    expected = gallery.duplicates(0.3).groups
    assert shown == expected[: len(shown)]
    with page.expect_download() as coming:
        page.get_by_role("button", name="Save the list (CSV)").click()
    coming.value.save_as(tmp_path / "list.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "list.csv").read_text())))
    assert [row["name"] for row in rows] == [name for group in expected for name in group]
    assert [row["name"] for row in rows if row["choice"] == "keep"] == [group[0] for group in expected]
    assert page.locator("#tab-review").is_hidden()  # without a server nothing is decided
    page.goto(f"{exported}/#clean")
    page.locator(".gain", has_text="PSNR").wait_for()
    noisy = float(re.search(r"PSNR ([\d.]+) dB noisy", page.locator(".gain").inner_text()).group(1))
    assert 19.5 < noisy < 21.5
    page.locator(".where[data-place=browser]").wait_for()
    cleaned = float(re.search(r"noisy, ([\d.]+) dB denoised", page.locator(".gain").inner_text()).group(1))
    assert cleaned > noisy + 2
    given = faces.pixels[5].repeat(10, 0).repeat(9, 1)  # more than a window
    (tmp_path / "noisy.png").write_bytes(png(given))
    page.locator(".clean-page input[type=file]").set_input_files(tmp_path / "noisy.png")
    unet = la.load_model(folders["unet"])
    until_drawn(page, ".trio figure:last-child canvas", denoise(unet, given))
    page.locator("#told").evaluate(SET, 0.25)
    until_drawn(page, ".trio figure:last-child canvas", denoise(unet, given, 0.25))
    assert page.locator("#tab-training").is_hidden()  # a closed form has no curve


def test_filters_as_the_package_reads_them(exported: str, visit: Any, gallery: Any) -> None:
    page = visit(exported)
    page.locator(".results a.card").first.wait_for()
    for text in FILTERS:
        try:
            wanted = sorted(gallery.search(gallery.names[0], 1000, where=text).names)
        except la.errors.GalleryError as error:
            wanted = str(error).split(" where ")[0].split(" which ")[0].split("; ")[0].lower()
        found = page.evaluate(
            """async (text) => {
              const {parse} = await import(new URL('static/filter.js', document.baseURI));
              const {items, columns} = await (await fetch('data/items.json')).json();
              try { return items.filter(parse(text, columns)).map((one) => one.name).sort(); }
              catch (error) { return error.message.toLowerCase(); }
            }""",
            text,
        )
        if isinstance(wanted, str):
            assert isinstance(found, str), text
            assert wanted[:25] in found
        else:
            assert found == wanted, text


WORDS_AND_TIMES = [
    "taken >= '2024-05' and camera like 'Pixel%'", "taken <= '2024-04'", "taken = '2024-05-01 10'", "taken != '2024'",
    "camera != 'Pixel 7'", "camera > 'M'", "camera like '%7'", "taken > '2024-04-30T23:59'", "size > 0", "stars >= 4",
    "liked = 1", "taken like '2024%'", "taken > 2024", "taken > '17.5.2024'", "camera = 3", "stars = 'x'",
    "liked like '1'", "modified > '2000' and (camera = 'Canon' or name = 'd.jpg')",
]  # fmt: skip


def test_filters_of_words_and_times_as_the_package_reads_them(exported: str, visit: Any, tmp_path: Path) -> None:
    from lookalike.serve.static_export import _items

    taken = {"a": "2024-04-30T23:59:59", "b": "2024-05-01T10:30:00", "c": "2024-06-01T12:00:00", "d": ""}
    camera = {"a": "Pixel 7", "b": "Pixel 7 Pro", "c": "Canon", "d": ""}
    lines = [
        f"{name},{taken[name]},{camera[name]},{'' if name == 'c' else stars},{stars % 2}"
        for stars, name in enumerate("abcd", 2)
    ]
    (tmp_path / "table.csv").write_text("\n".join(["photo,taken,camera,stars,liked", *lines]))
    (tmp_path / "photos").mkdir()
    for name, pixels in zip("abcd", np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8), strict=True):
        (tmp_path / "photos" / f"{name}.jpg").write_bytes(png(pixels))
    with la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(2).fit(la.load("synthetic:5", size=16))) as gallery:
        gallery.update(tmp_path / "photos", attributes=tmp_path / "table.csv")
        told = json.loads(json.dumps(_items(gallery.snapshot())))
        wanted = {}
        for text in WORDS_AND_TIMES:
            try:
                wanted[text] = sorted(gallery.search("a.jpg", 4, where=text).names)
            except la.errors.GalleryError as error:
                wanted[text] = str(error)[:20].lower()
    assert sum(isinstance(one, str) for one in wanted.values()) == 6
    page = visit(exported)
    found = page.evaluate(
        """async ([told, texts]) => {
          const {parse} = await import(new URL('static/filter.js', document.baseURI));
          return Object.fromEntries(texts.map((text) => {
            try { return [text, told.items.filter(parse(text, told.columns)).map((one) => one.name).sort()]; }
            catch (error) { return [text, error.message.slice(0, 20).toLowerCase()]; }
          }));
        }""",
        [told, WORDS_AND_TIMES],
    )
    assert found == wanted


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_framing_as_the_package_does_it(exported: str, visit: Any, fit: str, tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    coarse = generator.integers(0, 256, (9, 13, 3), dtype=np.uint8)
    big = np.kron(coarse, np.ones((11, 11, 1), np.uint8))
    (tmp_path / "odd.png").write_bytes(png(big))
    framing = la.data.Framing((32, 32), 4, fit)
    expected = la.data.source.read_picture(tmp_path / "odd.png", framing).astype(int)
    page = visit(exported)
    found = page.evaluate(
        """async ({bytes, fit}) => {
          const {framed} = await import(new URL('static/framing.js', document.baseURI));
          const file = new Blob([Uint8Array.from(bytes)], {type: 'image/png'});
          return Array.from((await framed(file, {image_shape: [32, 32, 3], framing: {crop: 4, fit}})).data);
        }""",
        {"bytes": list((tmp_path / "odd.png").read_bytes()), "fit": fit},
    )
    difference = np.abs(np.array(found).reshape(32, 32, 4)[..., :3] - expected)
    assert difference.max() <= (2 if fit == "stretch" else 12)
    assert difference.mean() < 1.5


NOISES = {"saltpepper": 0.2, "poisson": 40, "occlude": 0.2, "blur": 1.2, "jpeg": 20, "gaussian": 0.1}
JS_NOISE = """async ({kind, level, pixels, channels}) => {
  const {spoilt} = await import(new URL('static/noises.js', document.baseURI));
  const picture = new ImageData(64, 48);
  picture.data.set(pixels);
  return Array.from(await spoilt(picture, `${kind}:${level}`, channels, 3, 1));
}"""


@pytest.mark.parametrize("kind", NOISES)
def test_noise_as_the_package_has_it(exported: str, visit: Any, kind: str) -> None:
    """What is not random to rounding; what is by the moments of what it changed."""
    from lookalike.noise import corrupt, parse_noise

    level = NOISES[kind]
    grid = np.add.outer(np.linspace(40, 120, 48), np.linspace(0, 80, 64))
    clean = np.stack([grid, grid[:, ::-1], np.full_like(grid, 128)], axis=2).round()
    pixels = np.dstack([clean, np.full(grid.shape, 255)]).astype(int).ravel().tolist()
    page = visit(exported)
    page.locator(".results a.card").first.wait_for()
    asked = {"kind": kind, "level": level, "pixels": pixels}
    found = np.array(page.evaluate(JS_NOISE, {**asked, "channels": 3})).reshape(48, 64, 4)[..., :3]
    given = (clean / 255 - 0.5).astype(np.float32)
    noise = parse_noise(f"{kind}:{level}")
    expected = (corrupt(given[None], noise, seed=0, epoch=1, indices=[0])[0] + 0.5) * 255
    if kind == "blur":
        np.testing.assert_allclose(found, expected, atol=0.01)
    elif kind == "occlude":
        rows, columns = np.nonzero((found != clean).any(axis=2))
        box = found[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (box == 0).all()
        assert box[..., 0].size == len(rows) == pytest.approx(level * 48 * 64, rel=0.05)
    elif kind == "jpeg":  # another encoder, of the same standard
        assert np.abs(found - expected).mean() < 2.5
        assert np.abs(found - clean).mean() > 0.3
    else:
        for mine, theirs in (((found - clean).mean(), (expected - clean).mean()), (found.std(), expected.std())):
            assert mine == pytest.approx(theirs, rel=0.12, abs=1.5)
        assert ((found - clean) ** 2).mean() == pytest.approx(((expected - clean) ** 2).mean(), rel=0.2)
    grey = np.array(page.evaluate(JS_NOISE, {**asked, "channels": 1})).reshape(48, 64, 4)
    if kind in ("gaussian", "poisson"):
        assert (grey[..., 0] == grey[..., 1]).all()
        assert (grey[..., 0] == grey[..., 2]).all()


def test_export_by_command(call: Callable[..., Any], runtime: None, folders: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "site"
    told = call("export", folders["cleaning"], "--format", "page", "--pictures", 20, "--out", out, "--json").json
    assert told["images"] == 20
    assert told["max_abs_difference"] < 1e-4
    assert sorted(told["files"]) == sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    facts = json.loads((out / "data" / "gallery.json").read_text())
    assert facts["images"] == 20
    codes = np.fromfile(out / "data" / "codes.f32", "<f4").reshape(20, 24)
    assert np.isfinite(codes).all()
    assert 'content="static"' in (out / "index.html").read_text()
    assert (out / "data" / "reconstructions.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--format", "page", "--pictures", "1"], "give 2 or more"),
        (["--format", "onnx", "--pictures", "5"], "--format page only"),
        (["--format", "page", "--pictures", "5", "--gallery", "g"], "--pictures does not go with --gallery"),
        (["--format", "paper"], "keras, onnx or page"),
    ],
)
def test_refusals(
    call: Callable[..., Any], folders: dict[str, Path], tmp_path: Path, arguments: list[str], reason: str
) -> None:
    outcome = call("export", folders["pca"], "--out", tmp_path / "x", *arguments)
    assert outcome.code == 2
    assert reason in outcome.err
    assert not (tmp_path / "x").exists()
