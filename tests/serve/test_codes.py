"""Codes and cleaning over HTTP, held against the Python functions and plain formulas."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from lookalike import metrics
from lookalike.denoising import denoise
from lookalike.editing.detail import with_detail
from lookalike.graphs import session
from lookalike.noise import EVALUATION_EPOCH, corrupt, parse_noise
from lookalike.pixels import centre, to_uint8
from pictures import waves
from sharps import sharpened
from studio import (
    CODE,
    SIZE,
    Served,
    build_gallery,
    codes_of,
    near,
    pixels_of,
    png,
    prepare_here,
    serving,
    small_model,
)
from waiting import until


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("gallery")
    build_gallery(folder)
    small_model().save(folder.parent / "denoiser")
    with serving(folder, denoiser=folder.parent / "denoiser") as studio:
        studio.wait_until_prepared()
        yield studio


@pytest.fixture(scope="module")
def model() -> la.ConvAutoencoder:
    return small_model()


def test_encode_decode_reconstruct(served: Served, model: la.ConvAutoencoder) -> None:
    picture = waves(1, SIZE, SIZE, seed=2)[0]
    code = served.send("/api/v1/encode", png(picture)).json()["code"]
    np.testing.assert_allclose(code, model.encode(picture)[0], atol=1e-5)
    near(served.post("/api/v1/decode", json={"codes": [code]}).content, to_uint8(model.decode([code]))[0])
    near(served.send("/api/v1/reconstruct", png(picture)).content, to_uint8(model.reconstruct(picture))[0])
    codes = np.random.default_rng(0).normal(0, 0.3, (5, CODE))
    told = served.post("/api/v1/decode?format=json", json={"codes": codes.tolist()}).json()["pictures"]
    for one, expected in zip(told, to_uint8(model.decode(codes)), strict=True):
        near(base64.b64decode(one), expected)
    served.post("/api/v1/decode", 422, json={"codes": codes.tolist()})
    served.post("/api/v1/decode?format=json", 422, json={"codes": [[0.0] * CODE] * 65})
    served.post("/api/v1/decode", 422, json={"codes": [[0.0] * (CODE + 1)]})
    served.send("/api/v1/encode", png(picture), png(picture), status=422)


@pytest.mark.parametrize("kind", ["linear", "spherical"])
def test_morph(served: Served, model: la.ConvAutoencoder, kind: str) -> None:
    ids, codes = codes_of(served, 2)
    expected = to_uint8(la.morph(model, codes[0], codes[1], 5, kind))
    asked = {"a": ids[0], "b": codes[1].tolist(), "steps": 5, "kind": kind}
    told = served.post("/api/v1/morph", json={**asked, "format": "json"}).json()["pictures"]
    assert len(told) == 5
    for one, picture in zip(told, expected, strict=True):
        near(base64.b64decode(one), picture)
    strip = pixels_of(served.post("/api/v1/morph", json=asked).content)
    assert strip.shape == (128, 5 * 128, 3)
    with Image.open(io.BytesIO(served.post("/api/v1/morph", json={**asked, "format": "gif"}).content)) as gif:
        assert (gif.format, gif.n_frames) == ("GIF", 8)
    served.post("/api/v1/morph", 422, json={**asked, "steps": 1})
    served.post("/api/v1/morph", 422, json={**asked, "kind": "x"})
    served.post("/api/v1/morph", 404, json={**asked, "a": 10**8})


def test_opposite_codes_have_no_great_circle(served: Served) -> None:
    code = np.ones(CODE)
    asked = {"a": code.tolist(), "b": (-code).tolist(), "kind": "spherical"}
    assert "opposite" in served.post("/api/v1/morph", 422, json=asked).json()["detail"]


def test_directions(served: Served) -> None:
    told = served.get("/api/v1/directions").json()
    assert told["ready"]
    with la.Gallery.open(served.gallery) as gallery:
        codes, table, people = gallery.codes, gallery.attributes, gallery.people
    expected = la.principal_directions(codes, 16)
    expected += la.attribute_directions(codes, table.loc[:, table.nunique() > 1], people=people)
    assert [one["name"] for one in told["directions"]] == [one.name for one in expected]
    for one, direction in zip(told["directions"], expected, strict=True):
        np.testing.assert_allclose(one["vector"], direction.vector, atol=1e-6)
        assert one["scale"] == pytest.approx(direction.unit)
        assert one["meaningful"] == direction.meaningful
        assert one["accuracy"] == (None if direction.score is None else pytest.approx(direction.score.value, abs=1e-6))
    ids, some = codes_of(served, 9)
    asked = served.post("/api/v1/directions", json={"these": ids[:4], "those": ids[4:]}).json()
    np.testing.assert_allclose(
        np.array(asked["vector"]) * asked["scale"], some[:4].mean(axis=0) - some[4:].mean(axis=0), atol=1e-6
    )
    served.post("/api/v1/directions", 422, json={"these": ids[:1], "those": ids[:1]})
    served.post("/api/v1/directions", 422, json={"these": [], "those": ids})


def test_new_pictures(served: Served, model: la.ConvAutoencoder) -> None:
    first = served.client.get("/api/v1/sample")
    if first.status_code == 202:
        assert first.json() == {"codes": [], "ready": False, "parts": None}
        assert first.headers["Retry-After"]
        prepare_here(served.gallery, ["sampler"])
    told = served.get("/api/v1/sample?count=3&truncation=0.5&seed=8").json()
    with la.Gallery.open(served.gallery) as gallery:
        mixture = la.fit_mixture(gallery.codes)
    expected = mixture.draw(3, truncation=0.5, seed=8)
    assert (told["ready"], told["parts"]) == (True, mixture.parts)
    np.testing.assert_allclose(told["codes"], expected, atol=1e-6)
    near(served.post("/api/v1/decode", json={"codes": told["codes"][:1]}).content, to_uint8(model.decode(expected))[0])
    for wrong in ("count=0", "count=65", "truncation=1.5", "seed=-1"):
        served.get(f"/api/v1/sample?{wrong}", 422)


def test_few_pictures_make_no_new_ones(tmp_path: Path) -> None:
    build_gallery(tmp_path, 6)
    prepare_here(tmp_path, ["sampler"])
    with serving(tmp_path) as served:
        refused = served.get("/api/v1/sample", 422).json()["detail"]
    assert refused == "this gallery holds 6 pictures; new ones are drawn from 10 or more"


def test_edit(served: Served, model: la.ConvAutoencoder) -> None:
    (id,), (code,) = codes_of(served, 1)
    known = {one["name"]: one for one in served.get("/api/v1/directions").json()["directions"]}
    first, smile = known["principal-1"], known["smile"]
    changes = [{"name": "principal-1", "amount": 2}, {"vector": smile["vector"], "amount": -0.5 * smile["scale"]}]
    moved = code + 2 * first["scale"] * np.array(first["vector"]) - 0.5 * smile["scale"] * np.array(smile["vector"])
    told = served.post("/api/v1/edit", json={"id": id, "changes": changes}).json()["code"]
    np.testing.assert_allclose(told, moved, atol=1e-9)
    drawn = served.post("/api/v1/edit?format=png", json={"code": code.tolist(), "changes": changes}).content
    near(drawn, to_uint8(model.decode([moved]))[0])
    direction = la.Direction("principal-1", "principal", np.array(first["vector"]), first["scale"])
    with la.Gallery.open(served.gallery) as gallery:
        name = served.get(f"/api/v1/items/{id}").json()["name"]
        expected = to_uint8(la.edit(model, gallery.picture(name), direction, 2.0))
    kept = {"id": id, "changes": changes[:1], "keep_residual": True}
    near(served.post("/api/v1/edit?format=png", json=kept).content, expected)
    for wrong in (
        {"changes": []},
        {"id": id, "code": code.tolist(), "changes": []},
        {"id": id, "changes": [{"name": "nothing", "amount": 1}]},
        {"id": id, "changes": [{"amount": 1}]},
        {"id": id, "changes": [{"name": "smile", "amount": 1e9}]},
        {"code": code.tolist(), "changes": [{"vector": [1e6] * CODE, "amount": 900}]},
        {"code": code.tolist(), "changes": [], "keep_residual": True},
    ):
        served.post("/api/v1/edit", 422, json=wrong)


def test_noise(served: Served) -> None:
    clean = waves(1, 30, 45, seed=3)[0]
    answer = served.send("/api/v1/noise?noise=gaussian:0.1&seed=4", png(clean))
    noisy = pixels_of(answer.content)
    expected = corrupt(centre(clean)[None], parse_noise("gaussian:0.1"), seed=4, epoch=EVALUATION_EPOCH, indices=[0])
    np.testing.assert_array_equal(noisy, to_uint8(expected)[0])
    assert float(answer.headers["x-psnr"]) == pytest.approx(
        metrics.psnr(centre(clean)[None], centre(noisy)[None])[0], abs=0.01
    )
    served.send("/api/v1/noise?noise=fog", png(clean), status=422)


def test_denoise(served: Served, model: la.ConvAutoencoder) -> None:
    for shape in ((SIZE, SIZE), (30, 45), (5, 9)):
        given = waves(1, *shape, seed=3)[0]
        near(served.send("/api/v1/denoise", png(given)).content, denoise(model, given))
    served.send("/api/v1/denoise", png(np.zeros((641, 480, 3), np.uint8)), status=413)


def test_noise_on_stored_pictures_comes_off_again(served: Served, model: la.ConvAutoencoder) -> None:
    (id,), _ = codes_of(served, 1)
    with la.Gallery.open(served.gallery) as gallery:
        clean = gallery.picture(served.get(f"/api/v1/items/{id}").json()["name"])
    noise = {"noise": "gaussian:0.2", "seed": 7}
    given = corrupt(centre(clean)[None], parse_noise("gaussian:0.2"), seed=7, epoch=EVALUATION_EPOCH, indices=[id])[0]
    noisy = served.get(f"/api/v1/items/{id}/noisy", params=noise)
    np.testing.assert_array_equal(pixels_of(noisy.content), to_uint8(given))
    restored = served.get(f"/api/v1/items/{id}/denoised", params=noise)
    near(restored.content, denoise(model, given))
    shown = pixels_of(restored.content)
    error = np.mean(np.square((clean.astype(float) - shown) / 255))
    assert float(restored.headers["x-psnr"]) == pytest.approx(-10 * np.log10(error), abs=0.01)
    assert noisy.content == served.get(f"/api/v1/items/{id}/noisy", params=noise).content
    assert noisy.content != served.get(f"/api/v1/items/{id}/noisy", params={**noise, "seed": 8}).content


def test_models_for_the_browser(served: Served, model: la.ConvAutoencoder) -> None:
    from lookalike.graphs import session
    from lookalike.interop.onnx_runtime import facts_of

    addresses = served.get("/api/v1/gallery").json()["onnx"]
    denoiser = addresses["denoiser"]
    assert (denoiser["image_shape"], denoiser["reach"], denoiser["takes_level"]) == ([SIZE, SIZE, 3], None, False)
    for i, address in enumerate((addresses["encoder"], addresses["decoder"], *denoiser["models"])):
        answer = served.get(address)
        assert "immutable" in answer.headers["cache-control"]
        assert facts_of(session(answer.content))["side"] == ("encoder", "decoder")[i % 2]
    served.get("/models/denoiser.onnx", 404)
    encoder = session(served.get("/models/encoder.onnx").content)
    given = centre(waves(2, SIZE, SIZE)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(
        encoder.run(None, {"pictures": np.ascontiguousarray(given)})[0], model.encode(waves(2, SIZE, SIZE)), atol=1e-5
    )
    served.get("/models/catalog.sqlite", 404)


@pytest.fixture(scope="module")
def unet() -> la.UNetDenoiser:
    return la.UNetDenoiser(width=4, device="cpu").fit(waves(40, SIZE, SIZE), epochs=2, progress=False)


def test_a_unet_and_its_level(
    unet: la.UNetDenoiser, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lookalike.graphs import session
    from lookalike.interop.onnx_runtime import OnnxRestorer, facts_of

    folder = tmp_path_factory.mktemp("unet")
    build_gallery(folder / "gallery", 12)
    unet.save(folder / "denoiser")
    given = waves(1, 37, 50, seed=3)[0]
    with serving(folder / "gallery", denoiser=folder / "denoiser") as served:
        assert isinstance(served.studio.denoiser, OnnxRestorer)
        judged = pixels_of(served.send("/api/v1/denoise", png(given)).content)
        near(served.send("/api/v1/denoise", png(given)).content, denoise(unet, given))
        for level in (0, 0.25, 1):
            near(served.send(f"/api/v1/denoise?level={level}", png(given)).content, denoise(unet, given, level))
        assert (pixels_of(served.send("/api/v1/denoise?level=1", png(given)).content) != judged).any()
        for nonsense in ("-0.1", "1.01", "nan", "inf", "a lot", ""):
            served.send(f"/api/v1/denoise?level={nonsense}", png(given), status=422)
        id = next(iter(served.ids().values()))
        plain, told = (
            pixels_of(served.get(f"/api/v1/items/{id}/denoised?noise=gaussian:0.2{more}").content)
            for more in ("", "&level=0.9")
        )
        assert (plain != told).any()
        told = served.get("/api/v1/gallery").json()["onnx"]["denoiser"]
        assert (told["reach"], told["takes_level"], len(told["models"])) == (unet.reach, True, 1)
        answer = served.get(told["models"][0])
        assert "immutable" in answer.headers["cache-control"]
        assert facts_of(session(answer.content))["side"] == "denoiser"
        served.get("/models/denoiser-encoder.onnx", 404)


def test_a_level_for_a_model_that_takes_none(served: Served) -> None:
    answer = served.send("/api/v1/denoise?level=0.1", png(waves(1)[0]), status=422)
    assert "takes none" in answer.json()["detail"]


def test_without_a_denoiser(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("plain")
    build_gallery(folder, 12)
    with serving(folder) as served:
        assert "--denoiser" in served.send("/api/v1/denoise", png(waves(1)[0]), status=404).json()["detail"]
        served.get("/models/denoiser-encoder.onnx", 404)


def test_sharp_pictures_from_when_there_is_a_decoder_for_them(tmp_path: Path, model: la.ConvAutoencoder) -> None:
    build_gallery(tmp_path)
    with serving(tmp_path) as served:
        ids, codes = codes_of(served, 2)
        body = {"codes": codes[:1].tolist()}
        assert served.get("/api/v1/gallery").json()["sharp"] is False
        refused = served.post("/api/v1/decode?sharp=true", 422, json=body).json()["detail"]
        assert "lookalike sharpen RUN" in refused
        sharp = sharpened(small_model())
        with la.Gallery.open(tmp_path, sharp) as gallery:
            gallery.update()
        until(lambda: served.get("/api/v1/gallery").json()["sharp"], "the server has seen it")

        expected = to_uint8(sharp.decode(codes, sharp=True))
        assert np.abs(expected.astype(int) - to_uint8(sharp.decode(codes))).max() > 3
        near(served.post("/api/v1/decode?sharp=true", json=body).content, expected[0])
        near(served.post("/api/v1/decode", json=body).content, to_uint8(sharp.decode(codes))[0])
        picture = waves(1, SIZE, SIZE, seed=2)[0]
        drawn = to_uint8(sharp.decode(sharp.encode(picture), sharp=True))[0]
        near(served.send("/api/v1/reconstruct?sharp=true", png(picture)).content, drawn)
        morph = {"a": ids[0], "b": ids[1], "steps": 3, "format": "json"}
        told = served.post("/api/v1/morph?sharp=true", json=morph).json()["pictures"]
        for one, other in zip(told, to_uint8(la.morph(sharp, *codes, steps=3, sharp=True)), strict=True):
            near(base64.b64decode(one), other)
        step = np.eye(CODE)[0].tolist()
        edit = {"id": ids[0], "changes": [{"vector": step, "amount": 0.5}], "keep_residual": True}
        after, before = sharp.decode([codes[0] + 0.5 * np.array(step), codes[0]], sharp=True)
        own = pixels_of(served.get(f"/api/v1/items/{ids[0]}/thumbnail").content) / 255 - 0.5
        edited = served.post("/api/v1/edit?format=png&sharp=true", json=edit).content
        near(edited, to_uint8(with_detail(own.astype(np.float32), before, after[None], drop_what_changed=True))[0])

        address = served.get("/api/v1/gallery").json()["onnx"]["sharp"]
        answer = served.get(f"/{address}")
        assert "immutable" in answer.headers["cache-control"]
        (tmp_path / "sharp.onnx").write_bytes(answer.content)
        found = session(tmp_path / "sharp.onnx").run(None, {"codes": codes.astype(np.float32)})[0]
        np.testing.assert_allclose(found.transpose(0, 2, 3, 1), sharp.decode(codes, sharp=True), atol=1e-4)
