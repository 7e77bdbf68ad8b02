"""Every tab of the studio, as a person uses it, on a desk and on a phone."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from browsing import EDITED, PROCESSOR, ROUNDED, SET, WEBGL, decoded, pixels_of, until, until_drawn, until_still
from files import dng, heic, jxl
from lookalike.denoising import denoise
from lookalike.editing.detail import with_detail
from lookalike.models import INVENTED
from lookalike.pixels import centre
from studio import Served, png, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ids(served: Served) -> dict[str, int]:
    return served.ids()


def url(served: Served, rest: str = "") -> str:
    return f"{str(served.client.base_url).rstrip('/')}/{rest}"


def test_find(served: Served, visit: Any, gallery: Any, ids: dict[str, int], width: str) -> None:
    page = visit(url(served), width)
    grid = page.locator(".results .grid a.card")
    grid.nth(47).wait_for()
    grid.nth(2).click()
    page.get_by_role("heading", name="Look-alikes").wait_for()
    name = gallery.names[2]
    assert page.url.endswith(f"#find?q={ids[name]}")
    expected = gallery.search(name, 48)
    until(page, "document.querySelectorAll('.results a.card b').length === 48")
    assert [grid.nth(i).get_attribute("title") for i in range(48)] == expected.names
    shown = [float(text) for text in page.locator(".results .card b").all_inner_texts()]
    assert shown == pytest.approx(expected.distances, abs=6e-4)

    grid.nth(1).click()
    page.wait_for_url(f"**#find?q={ids[expected.names[1]]}")
    page.go_back()
    page.wait_for_url(f"**#find?q={ids[name]}")
    page.locator(".results a.card").first.and_(page.locator(f"[title='{name}']")).wait_for()
    if width == "phone":
        page.get_by_text("Refine", exact=True).click()
    page.locator("#up-to").evaluate(SET, float(expected.distances[9:11].mean()))
    until(page, "document.querySelectorAll('.results a.card').length === 10")
    page.wait_for_url("**upto=**")
    page.reload()
    until(page, "document.querySelectorAll('.results a.card').length === 10")  # the address keeps it
    page.get_by_text("All pictures", exact=True).click()
    page.get_by_role("heading", name="Pictures", exact=True).wait_for()


def test_find_with_a_filter(served: Served, visit: Any, gallery: Any, ids: dict[str, int]) -> None:
    name = gallery.names[0]
    page = visit(url(served, f"#find?q={ids[name]}"))
    page.locator("#where").fill("hat > 0.5")
    page.locator("#where").press("Enter")
    wanted = gallery.search(name, 48, where="hat > 0.5").names
    until(page, f"document.querySelectorAll('.results a.card').length === {len(wanted)}")
    assert page.locator(".results a.card").evaluate_all("all => all.map(one => one.title)") == wanted
    page.locator("#where").fill("hatt > 0.5")
    page.locator("#where").press("Enter")
    page.locator("#where-told.wrong").wait_for()
    assert "hat" in page.locator("#where-told").inner_text()
    assert any("400" in one or "422" in one for one in page.expected)  # the browser itself notes a refused request
    page.expected.clear()


def test_an_own_picture(served: Served, visit: Any, faces: la.ImageSet, tmp_path: Path, gallery: Any) -> None:
    (tmp_path / "me.png").write_bytes(png(faces.pixels[7]))
    page = visit(url(served))
    page.locator(".drop input[type=file]").set_input_files(tmp_path / "me.png")
    first = page.locator(".results a.card b").first
    first.wait_for()
    assert first.inner_text() == "0.000"
    assert page.locator(".results a.card").first.get_attribute("title") == gallery.search(faces.pixels[7], 1).names[0]
    other = visit(page.url)  # what was found can be shared, though the picture itself stays here
    other.locator(".results a.card b").first.wait_for()
    assert other.locator(".results a.card b").first.inner_text() == "0.000"

    (tmp_path / "no.png").write_bytes(b"not a picture at all")
    page.locator(".drop input[type=file]").set_input_files(tmp_path / "no.png")
    page.locator("#toast").wait_for()
    assert page.locator("#toast").inner_text().strip()
    page.expected.clear()


def test_own_pictures_that_the_browser_does_not_show(
    served: Served, visit: Any, faces: la.ImageSet, tmp_path: Path
) -> None:
    """A phone's and a camera's own: many systems do not know them for pictures; the server reads them."""
    for number, (name, make) in enumerate({"me.heic": heic, "me.dng": dng, "me.jxl": jxl}.items(), 7):
        pytest.importorskip({"me.heic": "pi_heif", "me.dng": "rawpy", "me.jxl": "pillow_jxl"}[name])
        (tmp_path / name).write_bytes(make(Image.fromarray(faces.pixels[number]).resize((160, 160))))
        page = visit(url(served))
        field = page.locator(".drop input[type=file]")
        assert name.removeprefix("me") in field.get_attribute("accept").split(",")
        field.set_input_files(tmp_path / name)
        until(page, f"document.querySelector('.results a.card:has(b)')?.title === '{faces.names[number]}'")
        # where the browser does not show the file, what its code decodes to stands in for it
        until(page, "document.querySelector('.query-pictures canvas, .query-pictures img:not([src=\"\"])') !== null")
        until(page, "[...document.querySelectorAll('.query-pictures img')].every((one) => one.naturalWidth > 0)")


def test_blend(
    served: Served, visit: Any, runtime: None, gallery: Any, model: Any, ids: dict[str, int], width: str
) -> None:
    first, second, third = gallery.names[3], gallery.names[50], gallery.names[90]
    a, b, c = (gallery.code(name) for name in (first, second, third))
    page = visit(url(served, f"#blend?q={ids[first]},{ids[second]}&x=0"), width)
    page.locator(".where[data-place=browser]").wait_for()
    until_drawn(page, "canvas.stage", decoded(model, a))
    page.locator("#across").evaluate(SET, 0.25)
    until_drawn(page, "canvas.stage", decoded(model, 0.75 * a + 0.25 * b))
    page.get_by_role("radio", name="Round").check()
    until_drawn(page, "canvas.stage", la.to_uint8(la.morph(model, a, b, steps=5, kind="spherical"))[1])
    page.locator(".film .card").nth(6).click()
    until_drawn(page, "canvas.stage", decoded(model, b))
    page.get_by_role("button", name="Play").click()
    until(page, "document.querySelector('#across').value < 0.9")
    page.get_by_role("button", name="Stop").click()

    page.goto(url(served, f"#blend?q={ids[first]},{ids[second]},{ids[third]}&x=0&y=1"))
    until_drawn(page, "canvas.stage", decoded(model, c))
    box = page.locator(".square").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 1, steps=8)
    page.mouse.up()
    until_drawn(page, "canvas.stage", decoded(model, b), within=4)  # a pixel beside the corner


def test_roll_the_dice(served: Served, visit: Any, runtime: None, gallery: Any, model: Any, width: str) -> None:
    page = visit(url(served, "#blend"), width)
    page.locator(".film .card").nth(6).wait_for()
    before = page.url
    page.locator("#stray").evaluate(SET, 0)
    page.get_by_role("button", name="Roll the dice").click()
    page.wait_for_url("**q=~*,~*")
    assert page.url != before
    middles = la.fit_mixture(gallery.codes).means.astype(np.float32)  # all that is drawn without straying
    until(page, "document.querySelectorAll('.slots canvas.thumb').length === 2")
    page.locator("#across").evaluate(SET, 0)
    shown = until_still(page, lambda: pixels_of(page, "canvas.stage").tolist())
    assert any(np.abs(np.array(shown) - decoded(model, middle)).max() <= 1 for middle in middles)


def test_draw_sharp(
    served: Served, visit: Any, runtime: None, gallery: Any, model: Any, ids: dict[str, int], width: str
) -> None:
    a, b = (gallery.code(gallery.names[place]) for place in (3, 50))
    plain, sharp = (la.to_uint8(model.decode([a], sharp=is_sharp))[0] for is_sharp in (False, True))
    assert np.abs(plain.astype(int) - sharp).max() > 10
    page = visit(url(served, f"#blend?q={ids[gallery.names[3]]},{ids[gallery.names[50]]}&x=0"), width)
    page.locator(".where[data-place=browser]").wait_for()
    until_drawn(page, "canvas.stage", plain)
    page.get_by_label("Draw sharp").check()
    until_drawn(page, "canvas.stage", sharp)
    page.get_by_text(INVENTED).wait_for()
    page.locator("#across").evaluate(SET, 0.25)
    until_drawn(page, "canvas.stage", la.to_uint8(la.morph(model, a, b, steps=5, sharp=True))[1])
    page.wait_for_url("**sharp=1**")

    page.goto(url(served, f"#edit?q={ids[gallery.names[3]]}&sharp=1"))  # the address keeps it
    page.get_by_label("Keep the detail").uncheck()
    until_drawn(page, EDITED, sharp)
    assert INVENTED in page.locator(".edit-page .sharp").inner_text()
    page.get_by_label("Draw sharp").uncheck()
    until_drawn(page, EDITED, plain)
    assert page.get_by_text(INVENTED).count() == 0


def test_save_a_blend_as_gif(
    served: Served, visit: Any, runtime: None, gallery: Any, model: Any, ids: dict[str, int], tmp_path: Path
) -> None:
    first, second = gallery.names[3], gallery.names[50]
    page = visit(url(served, f"#blend?q={ids[first]},{ids[second]}"))
    page.locator(".film .card").nth(6).wait_for()
    with page.expect_download() as coming:
        page.get_by_role("button", name="Save GIF").click()
    coming.value.save_as(tmp_path / "blend.gif")
    with Image.open(tmp_path / "blend.gif") as animation:
        assert animation.n_frames == 46
        assert animation.size == (192, 192)
        assert animation.info["loop"] == 0
        for frame, code in ((0, gallery.code(first)), (23, gallery.code(second))):
            animation.seek(frame)
            found = np.asarray(animation.convert("RGB").resize((32, 32), Image.Resampling.NEAREST)).astype(int)
            assert np.abs(found - decoded(model, code)).mean() < 6  # 256 colours for all frames


def test_edit(
    served: Served, visit: Any, runtime: None, gallery: Any, model: Any, ids: dict[str, int], width: str
) -> None:
    name = gallery.names[10]
    code, picture = gallery.code(name), gallery.picture(name)
    page = visit(url(served, f"#edit?q={ids[name]}"), width)
    page.locator(".where[data-place=browser]").wait_for()
    until_drawn(page, EDITED, picture)
    known = {one["name"]: one for one in served.get("/api/v1/directions").json()["directions"]}
    direction = la.Direction(
        "principal-1", "principal", np.array(known["principal-1"]["vector"]), known["principal-1"]["scale"]
    )

    def edited(is_sharp: bool) -> np.ndarray:
        """By the package, of drawings that are clipped as the page's are."""
        before, after = model.decode(np.stack([code, code + 1.5 * direction.step]), sharp=is_sharp).clip(-0.5, 0.5)
        return la.to_uint8(with_detail(centre(picture), before, after[None], drop_what_changed=is_sharp))[0]

    page.get_by_label("Direction 1", exact=True).evaluate(SET, 1.5)
    until_drawn(page, EDITED, edited(False), ROUNDED)
    until_drawn(page, ".compare canvas:not(.over)", picture)
    page.wait_for_url(re.compile("principal-1"))
    page.reload()
    page.get_by_label("Keep the detail").uncheck()
    until_drawn(page, EDITED, decoded(model, code + np.float32(1.5) * direction.step))
    until(page, "document.querySelectorAll('.nearest a.card').length === 8")
    nearest = gallery.search((code + 1.5 * direction.step).astype(np.float32), 8).names
    until(page, f"document.querySelector('.nearest a.card').title === {json.dumps(nearest[0])}")
    page.get_by_label("Draw sharp").check()
    page.get_by_label("Keep the detail").check()
    until_drawn(page, EDITED, edited(True), ROUNDED)
    divider = page.get_by_role("slider", name="Divider between Before and After")
    divider.press("ArrowRight")
    assert page.locator(".compare").evaluate("one => one.style.getPropertyValue('--cut')") == "50.5%"
    page.get_by_label("Draw sharp").uncheck()
    page.get_by_role("button", name="Reset all").click()
    until_drawn(page, EDITED, picture)


def test_these_minus_those(
    served: Served, visit: Any, runtime: None, gallery: Any, model: Any, ids: dict[str, int]
) -> None:
    name = gallery.names[10]
    page = visit(url(served, f"#edit?q={ids[name]}"))
    page.get_by_role("button", name="New: these minus those…").click()
    for places in ((0, 1, 2), (20, 21)):
        for place in places:
            page.locator("dialog .card").nth(place).click()
        page.get_by_role("button", name=f"Use {len(places)} pictures").click()
    slider = page.get_by_label("difference 1", exact=True)
    slider.evaluate(SET, 1)
    names = gallery.names
    these, those = (np.mean([gallery.code(names[i]) for i in places], axis=0) for places in ((0, 1, 2), (20, 21)))
    page.get_by_label("Keep the detail").uncheck()
    until_drawn(page, EDITED, decoded(model, gallery.code(name) + these - those))


@pytest.fixture(scope="module")
def unet(folders: dict[str, Path]) -> Any:
    return la.load_model(folders["unet"])


def test_clean(
    served: Served,
    visit: Any,
    runtime: None,
    ids: dict[str, int],
    gallery: Any,
    faces: la.ImageSet,
    unet: Any,
    tmp_path: Path,
    width: str,
) -> None:
    page = visit(url(served, f"#clean?q={ids[gallery.names[4]]}&noise=gaussian:0.1"), width)
    page.locator(".gain", has_text="PSNR").wait_for()
    page.locator(".where[data-place=browser]").wait_for()
    noisy = float(re.search(r"PSNR ([\d.]+) dB noisy", page.locator(".gain").inner_text()).group(1))
    assert 19.5 < noisy < 21.5  # sigma 0.1 is 20 dB, a little more where values are clipped to the picture's range
    page.locator("#level").evaluate(SET, 0.25)
    until(page, f"!document.querySelector('.gain').textContent.includes('{noisy:.1f} dB noisy')")
    page.locator(".compare input").evaluate(SET, 20)
    assert page.locator(".compare").evaluate("one => one.style.getPropertyValue('--cut')") == "20%"
    page.get_by_role("radio", name="Salt and pepper").check()
    page.wait_for_url(re.compile("saltpepper"))

    (tmp_path / "noisy.png").write_bytes(png(faces.pixels[5].repeat(2, 0).repeat(3, 1)))
    page.locator(".clean-page input[type=file]").set_input_files(tmp_path / "noisy.png")
    until(page, "document.querySelector('.trio figure:last-child canvas').width === 96")
    given = faces.pixels[5].repeat(2, 0).repeat(3, 1)
    until_drawn(page, ".trio figure:last-child canvas", denoise(unet, given))
    page.locator("#told").evaluate(SET, 0.25)
    until_drawn(page, ".trio figure:last-child canvas", denoise(unet, given, 0.25))


def test_clean_by_the_server(
    served: Served, chromium: Any, ids: dict[str, int], gallery: Any, faces: la.ImageSet, unet: Any, tmp_path: Path
) -> None:
    """Where the browser has no runtime, the server cleans, and is told the level."""
    (tmp_path / "noisy.png").write_bytes(png(faces.pixels[5].repeat(2, 0)))
    page = chromium.new_page()
    page.route("**/vendor/**", lambda route: route.abort())
    page.goto(url(served, f"#clean?q={ids[gallery.names[4]]}&noise=poisson:40"))
    page.locator(".where[data-place=server]").wait_for()
    page.locator(".gain", has_text="PSNR").wait_for()
    page.locator(".clean-page input[type=file]").set_input_files(tmp_path / "noisy.png")
    given = faces.pixels[5].repeat(2, 0)
    until_drawn(page, ".trio figure:last-child canvas", denoise(unet, given))
    page.locator("#told").evaluate(SET, 0.25)
    until_drawn(page, ".trio figure:last-child canvas", denoise(unet, given, 0.25))
    page.close()


def test_map(served: Served, visit: Any, width: str) -> None:
    page = visit(url(served, "#map"), width)
    page.locator(".map-page .told", has_text="240 pictures; near ones").wait_for()
    until(page, "document.querySelectorAll('.map-page .strip a.card').length === 10")
    canvas = page.locator(".map-canvas")
    canvas.focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile(r"z=1\.4"))
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -400)
    page.wait_for_url(re.compile(r"z=[2-9]"))
    assert page.get_by_role("radio", name="t-SNE").is_checked()  # it was ready
    page.get_by_role("radio", name="PCA").check()
    page.wait_for_url(re.compile("layout=pca"))
    page.get_by_role("radio", name="t-SNE").check()
    page.wait_for_url(re.compile("layout=tsne"))
    page.locator(".map-page .told", has_text="240 pictures; near ones").wait_for()
    canvas.press("Enter")
    page.get_by_role("heading", name="Look-alikes").wait_for()


def test_map_goes_over_to_what_comes_later(served: Served, visit: Any) -> None:
    """PCA at once; once t-SNE is there, the map goes over to it by itself, unless PCA was chosen."""
    page = visit(url(served))
    missing = {"method": "tsne", "ready": False, "points": [], "ids": []}
    coming = True

    def answer(route: Any) -> None:
        if coming:
            route.fulfill(status=202, json=missing)
        else:
            route.fallback()

    page.route("**/map?method=tsne", answer)
    page.goto(url(served, "#map"))
    page.locator(".map-page .told", has_text="until then you see PCA").wait_for()
    until(page, "document.querySelectorAll('.map-page .strip a.card').length === 10")
    titles = "[...document.querySelectorAll('.map-page .strip a.card')].map(one => one.title).join()"
    before = page.evaluate(titles)
    assert page.get_by_role("radio", name="PCA").is_checked()
    coming = False
    page.locator(".map-page .told", has_text="240 pictures; near ones").wait_for()
    assert page.get_by_role("radio", name="t-SNE").is_checked()
    until(page, f"{titles} !== {json.dumps(before)}")
    page.get_by_role("radio", name="PCA").check()
    until(page, f"{titles} === {json.dumps(before)}")


def _answer(source: str, route: Any) -> None:
    route.fulfill(body=source, content_type="text/javascript")


def test_map_in_webgl(served: Served, launch: Any) -> None:
    """WebGL and the plain canvas draw the same map."""
    shots = []
    for arguments, forced in ((WEBGL, True), (PROCESSOR, False)):
        browser = launch(arguments)
        page = browser.new_page(viewport={"width": 900, "height": 700})
        if forced:  # here the processor computes WebGL too, which the page would rather not use
            source = served.get("/static/painter.js").text.replace("return !/swift", "return true || !/swift")
            page.route("**/painter.js", partial(_answer, source))
        page.goto(url(served, "#map?z=3"))
        page.locator(".map-page .told", has_text="240 pictures; near ones").wait_for()
        shot = until_still(page, page.locator(".map-canvas").screenshot)
        shots.append(np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int))
        assert page.locator(".map-canvas").evaluate("one => Boolean(one.getContext('webgl2'))") == forced
        browser.close()
    difference = np.abs(shots[0] - shots[1]).mean(axis=2)
    assert shots[0].std() > 20  # there are pictures
    assert (difference > 40).mean() < 0.05  # but for rounded corners and smoothing


def test_map_selection(served: Served, visit: Any, gallery: Any, tmp_path: Path, width: str) -> None:
    page = visit(url(served, "#map?layout=pca"), width)
    page.locator(".map-page .told", has_text="240 pictures; near ones").wait_for()
    found = served.get("/api/v1/map").json()
    points = {id: np.array(point) for id, point in zip(found["ids"], found["points"], strict=True)}
    names = {id: name for name, id in served.ids().items()}
    wide, high = (float(np.abs(np.array(found["points"])[:, axis]).max()) for axis in (0, 1))
    page.get_by_role("radio", name="Rectangle").check()
    box = page.locator(".map-canvas").bounding_box()
    unit = min(box["width"] / (2.16 * wide), box["height"] / (2.16 * high))
    middle = np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
    corner = np.array([0.5, 0.45])  # of the plane, from the middle to the upper right
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(*(middle + corner * [unit, -unit]), steps=4)
    page.mouse.up()
    inside = {names[id] for id, point in points.items() if (point > 0).all() and (point < corner).all()}
    edge = {names[id] for id, point in points.items() if min(*np.abs(point), *np.abs(point - corner)) < 2 / unit}
    page.locator(".map-selected .virtual-tile").first.wait_for()
    with page.expect_download() as coming:
        page.get_by_role("button", name="Save CSV").click()
    coming.value.save_as(tmp_path / "list.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "list.csv").read_text())))
    assert {row["name"] for row in rows} ^ inside <= edge
    assert len(inside) > 10
    assert {row["person"] for row in rows} <= set(gallery.people)

    canvas = page.locator(".map-canvas")
    canvas.press("Escape")
    page.locator(".map-selected").wait_for(state="hidden")
    canvas.press("r")
    for key in ("ArrowRight", "ArrowUp", "ArrowUp"):
        canvas.press(key)
    canvas.press("r")
    page.locator(".map-selected h2", has_text="selected").wait_for()
    with page.expect_download() as coming:
        page.get_by_role("button", name="Save JSON").click()
    coming.value.save_as(tmp_path / "list.json")
    told = {row["name"] for row in json.loads((tmp_path / "list.json").read_text())}
    corner = np.array([60, 120]) / unit
    inside = {names[id] for id, point in points.items() if (point > 0).all() and (point < corner).all()}
    edge = {names[id] for id, point in points.items() if min(*np.abs(point), *np.abs(point - corner)) < 2 / unit}
    assert told ^ inside <= edge


def test_map_in_colours(served: Served, visit: Any, gallery: Any) -> None:
    page = visit(url(served, "#map?layout=pca&colour=smile"))
    page.locator(".map-scale").wait_for()
    smiles = np.sort(gallery.attributes["smile"])
    low, high = (float(smiles[round(share * (len(smiles) - 1))]) for share in (0.01, 0.99))
    shown = page.locator(".map-legend > span").all_inner_texts()
    assert [float(text) for text in (shown[1], shown[3])] == pytest.approx([low, high], rel=6e-3)
    page.locator("#colour").select_option("person")
    page.locator(".map-legend button").first.wait_for()
    count = Counter(gallery.people).most_common(1)[0][1]
    assert page.locator(".map-legend button small").first.inner_text() == str(count)
    page.locator(".map-legend button").first.click()
    page.locator(".map-selected h2", has_text=f"{count} pictures selected").wait_for()
    page.locator("#colour").select_option("@groups")
    page.locator(".map-legend", has_text="groups").wait_for()
    page.wait_for_url(re.compile("colour=%40groups|colour=@groups"))


def test_training(served: Served, visit: Any, folders: dict[str, Path], width: str) -> None:
    page = visit(url(served, "#training"), width)
    page.locator("svg.curve").wait_for()
    assert "2 epochs" in page.locator(".training-page .told").inner_text()
    until(page, "document.querySelector('.sheet').naturalWidth > 0")
    page.get_by_role("radio", name="Linear").check()
    page.get_by_text("The figures").click()
    rows = [json.loads(line) for line in (folders["cleaning"] / "metrics.jsonl").read_text().splitlines()]
    shown = page.locator("tbody tr").first.locator("td").first.inner_text()
    assert shown == f"{rows[-1]['train_mse']:.5f}"


def test_training_as_it_goes_on(visit: Any, folders: dict[str, Path], tmp_path: Path) -> None:
    run = tmp_path / "going"
    shutil.copytree(folders["cleaning"], run)
    metrics = run / "metrics.jsonl"
    lines = metrics.read_text().splitlines(keepends=True)
    metrics.write_text(lines[0])
    with serving(folders["gallery"], runs=(run,)) as studio:
        page = visit(url(studio, "#training"))
        page.locator(".lamp", has_text="running").wait_for()
        assert "1 epoch" in page.locator(".training-page .told").inner_text()
        metrics.write_text("".join(lines))
        page.locator(".training-page .told", has_text="2 epochs").wait_for()
        page.locator(".lamp", has_text="finished").wait_for()
        page.goto("about:blank")
