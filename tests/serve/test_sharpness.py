"""How sharp pictures over HTTP are: between both decoders' drawings, and what they say of it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from lookalike.editing.detail import with_detail
from lookalike.models import DRAWN_SHARP
from lookalike.pixels import to_uint8
from pictures import waves
from sharps import sharpened
from studio import CODE, SIZE, Served, build_gallery, codes_of, near, pixels_of, png, serving, small_model
from waiting import until


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A studio whose model has a sharp decoder."""
    folder = tmp_path_factory.mktemp("sharp")
    build_gallery(folder, 12)
    with la.Gallery.open(folder, sharpened(small_model())) as gallery:
        gallery.update()
    with serving(folder) as served:
        until(lambda: served.get("/api/v1/gallery").json()["sharp"], "the sharp decoder is there")
        yield served


def between(codes: np.ndarray, share: float) -> np.ndarray:
    """What lies between both drawings of codes, not clipped: (n, H, W, C)."""
    model = sharpened(small_model())
    plain, sharp = (model.decode(codes, sharp=is_sharp).astype(np.float64) for is_sharp in (False, True))
    return ((1 - share) * plain + share * sharp).astype(np.float32)


def test_a_share_of_the_sharp_picture(drawing: Served) -> None:
    ids, codes = codes_of(drawing, 2)
    body = {"codes": codes[:1].tolist()}
    half = drawing.post("/api/v1/decode?sharp=0.5", json=body).content
    near(half, to_uint8(between(codes, 0.5))[0])
    texts = ("true", "1", "false", "0")
    ends = {text: drawing.post(f"/api/v1/decode?sharp={text}", json=body).content for text in texts}
    assert ends["true"] == ends["1"] != ends["0"] == ends["false"]
    for end in ("0", "1"):
        assert np.abs(pixels_of(half).astype(int) - pixels_of(ends[end])).max() > 2

    picture = waves(1, SIZE, SIZE, seed=2)[0]
    code = small_model().encode(picture)
    near(drawing.send("/api/v1/reconstruct?sharp=0.25", png(picture)).content, to_uint8(between(code, 0.25))[0])
    morph = {"a": ids[0], "b": ids[1], "steps": 3, "format": "json"}
    told = drawing.post("/api/v1/morph?sharp=0.25", json=morph).json()["pictures"]
    for one, other in zip(told, to_uint8(between(np.linspace(*codes, 3), 0.25)), strict=True):
        near(base64.b64decode(one), other)
    step = np.eye(CODE)[0]
    edit = {"id": ids[0], "changes": [{"vector": step.tolist(), "amount": 0.5}], "keep_residual": True}
    after, before = between(np.array([codes[0] + 0.5 * step, codes[0]]), 0.75)
    own = (pixels_of(drawing.get(f"/api/v1/items/{ids[0]}/thumbnail").content) / 255 - 0.5).astype(np.float32)
    edited = drawing.post("/api/v1/edit?format=png&sharp=0.75", json=edit).content
    all_kept, all_gone = (with_detail(own, before, after[None], drop_what_changed=gone)[0] for gone in (False, True))
    near(edited, to_uint8(0.25 * all_kept + 0.75 * all_gone))


def test_pictures_of_several_sharpnesses_that_are_asked_for_at_once(drawing: Served) -> None:
    _, codes = codes_of(drawing, 3)
    asked = [(place, share) for share in (0, 0.25, 0.5, 1) for place in range(3)] * 2

    def draw(place: int, share: float) -> bytes:
        return drawing.post(f"/api/v1/decode?sharp={share}", json={"codes": [codes[place].tolist()]}).content

    with ThreadPoolExecutor(len(asked)) as clients:
        for (place, share), content in zip(asked, clients.map(draw, *zip(*asked, strict=True)), strict=True):
            near(content, to_uint8(between(codes, share))[place])


def test_what_is_no_sharpness(drawing: Served) -> None:
    ids, codes = codes_of(drawing, 2)
    bodies = {
        "decode": {"codes": codes[:1].tolist()},
        "morph": {"a": ids[0], "b": ids[1]},
        "edit": {"id": ids[0], "changes": []},
    }
    for wrong in ("2", "1.01", "-0.1", "nan", "inf", "a lot", ""):
        for address, body in bodies.items():
            told = drawing.post(f"/api/v1/{address}?format=png&sharp={wrong}", 422, json=body).json()["detail"]
            assert f"sharp is {wrong!r}; it should be " in told
            assert "\n" not in told
        drawing.send(f"/api/v1/reconstruct?sharp={wrong}", png(waves(1, SIZE, SIZE)[0]), status=422)
    assert "less than or equal to 1" in drawing.post("/api/v1/decode?sharp=2", 422, json=bodies["decode"]).text
    described = drawing.get("/openapi.json").json()["paths"]
    for address in (*bodies, "reconstruct"):
        given = described[f"/api/v1/{address}"]["post"]["parameters"]
        taken = next(one for one in given if one["name"] == "sharp")["schema"]["anyOf"]
        assert taken == [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "boolean"}]


def test_pictures_that_were_drawn_sharp_say_so(drawing: Served) -> None:
    ids, codes = codes_of(drawing, 2)
    morph = {"a": ids[0], "b": ids[1], "steps": 3}

    def drawn(sharp: str) -> list[bytes]:
        one = drawing.post(f"/api/v1/decode?{sharp}", json={"codes": codes[:1].tolist()})
        listed = drawing.post(f"/api/v1/decode?format=json&{sharp}", json={"codes": codes.tolist()}).json()["pictures"]
        back = drawing.send(f"/api/v1/reconstruct?{sharp}", png(waves(1, SIZE, SIZE)[0]))
        strip = drawing.post(f"/api/v1/morph?{sharp}", json=morph)
        edits = [
            drawing.post(f"/api/v1/edit?format=png&{sharp}", json={"id": ids[0], "changes": [], "keep_residual": kept})
            for kept in (False, True)
        ]
        return [*(answer.content for answer in (one, back, strip, *edits)), *map(base64.b64decode, listed)]

    for content in drawn("sharp=0.5"):
        assert Image.open(io.BytesIO(content)).info["Description"] == DRAWN_SHARP
    for content in drawn("sharp=0"):
        assert "Description" not in Image.open(io.BytesIO(content)).info
    sizes = []
    for sharp in ("sharp=0", "sharp=0.5"):
        content = drawing.post(f"/api/v1/morph?{sharp}", json={**morph, "format": "gif"}).content
        with Image.open(io.BytesIO(content)) as animation:
            sizes.append(animation.size)
    assert sizes[0][0] == sizes[1][0] == sizes[0][1] < sizes[1][1]  # the words stand below
