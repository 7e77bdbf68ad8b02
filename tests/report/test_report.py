"""The page: self-contained, safe, and true to the model."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.neighbors import NearestNeighbors

import lookalike as la
from lookalike import plots
from lookalike.denoising import CLASSICAL, ClassicalDenoiser
from lookalike.models import DRAWN_SHARP
from lookalike.noise import EVALUATION_EPOCH, corrupt, parse_noise
from lookalike.pixels import centre
from lookalike.report import write_report
from lookalike.report.markup import code_picture
from pictures import waves
from sharps import sharpened


class Page(HTMLParser):
    """The tags of a page, and the pictures in it by their alternative text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.tags: list[str] = []
        self.images: dict[str, list[np.ndarray]] = {}
        self.said: dict[str, str | None] = {}
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attributes)
        self.sources += [value or "" for name, value in attributes if name in ("src", "href")]
        if tag == "img":
            assert given["alt"]
            png = base64.b64decode((given["src"] or "").removeprefix("data:image/png;base64,"))
            image = Image.open(io.BytesIO(png))
            self.images.setdefault(given["alt"], []).append(np.asarray(image))
            self.said[given["alt"]] = image.info.get("Description")


def models(shape: tuple[int, int, int], code_size: int) -> tuple[la.ImageSet, la.ImageSet, la.ConvAutoencoder]:
    pictures = la.ImageSet(waves(60, *shape), [f"picture {i}" for i in range(60)])
    train, test = pictures[:45], pictures[45:]
    model = la.ConvAutoencoder(code_size, channels=(4, 4), device="cpu")
    return train, test, model.fit(train, test=test, epochs=2, progress=False)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> tuple[Page, la.ImageSet, la.ImageSet, la.ConvAutoencoder, Path]:
    train, test, model = models((16, 16, 3), 6)
    test.names[3] = "<script>alert(1)</script>"
    out = tmp_path_factory.mktemp("report") / "page.html"
    pca = la.PCAAutoencoder(6).fit(train)
    write_report(model, test, out, train=train, compare=[("exact PCA", pca)], timings={"seconds": 61.0})
    return Page(out.read_text()), train, test, model, out


def test_nothing_is_fetched_and_nothing_runs(page) -> None:  # type: ignore[no-untyped-def]
    found = page[0]
    assert all(source.startswith("data:image/png;base64,") for source in found.sources)
    assert "script" not in found.tags
    assert "<script>" not in found.text
    assert "default-src 'none'" in found.text
    assert "&lt;script&gt;" in found.text
    assert found.tags.count("h1") == 1
    assert found.tags.count("h2") == 7


def test_the_figures_are_the_models(page) -> None:  # type: ignore[no-untyped-def]
    found, train, test, model, _ = page
    result = model.evaluate(test)
    pca = la.PCAAutoencoder(6).fit(train)
    for figure in (
        f"{result.mse:.5f}",
        f"{result.psnr:.1f} dB",
        f"{result.ssim:.3f}",
        f"{-pca.score(test):.5f}",
        "61.0 s",
    ):
        assert figure in found.text
    assert "768 → 6" in found.text


def test_the_pictures_are_the_models(page) -> None:  # type: ignore[no-untyped-def]
    found, _, test, model, _ = page
    backs = la.to_uint8(model.reconstruct(test))
    shown = [
        int(alt.removeprefix("reconstruction of picture ")) - 45
        for alt in found.images
        if alt.startswith("reconstruction of p")
    ]
    assert len(shown) >= 7
    for i in shown:
        np.testing.assert_array_equal(found.images[f"original of picture {45 + i}"][0], test[i])
        np.testing.assert_array_equal(found.images[f"reconstruction of picture {45 + i}"][0], backs[i])
    errors = ((test.pixels / 255 - 0.5 - model.reconstruct(test)) ** 2).mean(axis=(1, 2, 3))
    text = re.sub(r"<img[^>]*>", "", found.text)
    assert f"<td>{errors.min():.4f}</td>" in text
    assert f"<td>{errors.max():.4f}</td>" in text


def test_look_alikes_are_scikit_learns(page) -> None:  # type: ignore[no-untyped-def]
    found, train, test, model, _ = page
    queries = [alt.removeprefix("query ") for alt in found.images if alt.startswith("query ")]
    assert len(queries) == 6
    search = NearestNeighbors(n_neighbors=5).fit(model.encode(train))
    expected: dict[str, int] = {}
    for name in queries:
        distances, places = search.kneighbors(model.encode(test[test.names.index(name)]))
        assert f"{distances[0, 0]:.3f}" in found.text
        for place in places[0]:
            alt = f"look-alike {train.names[place]}"
            expected[alt] = expected.get(alt, 0) + 1
    assert {alt: len(images) for alt, images in found.images.items() if alt.startswith("look-alike")} == expected


def test_morphs_begin_and_end_at_the_reconstructions(page) -> None:  # type: ignore[no-untyped-def]
    found, _, test, model, _ = page
    backs = {la.to_uint8(back).tobytes() for back in model.reconstruct(test)}
    for step in (1, 7):
        strips = found.images[f"morph, step {step} of 7"]
        assert len(strips) == 4
        assert all(
            min(np.abs(np.frombuffer(b, np.uint8).astype(int) - s.ravel()).max() for b in backs) <= 1 for s in strips
        )


def test_its_pictures_lie_beside_it(page) -> None:  # type: ignore[no-untyped-def]
    out = page[4]
    names = {path.name for path in (out.parent / "page_pictures").iterdir()}
    assert names == {
        "reconstructions.png",
        "loss.png",
        "comparison.png",
        "directions.png",
        "look-alikes.png",
        "morphs.png",
    }
    comparison = np.asarray(Image.open(out.parent / "page_pictures" / "comparison.png"))
    assert comparison.shape == (3 * 16 * 3, 8 * 16 * 3, 3)


def test_the_same_report_twice_is_the_same_file(page, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Each of which makes the training pictures' codes once, by which three of its sections go."""
    _, train, test, model, _ = page
    encode, encoded = model.encode, []
    monkeypatch.setattr(model, "encode", lambda pictures: encoded.append(len(pictures)) or encode(pictures))
    first, second = (
        write_report(model, test, tmp_path / name, train=train).read_bytes() for name in ("a.html", "b.html")
    )
    assert first == second
    assert len(first) < 3e6
    assert encoded.count(len(train)) == 2


@pytest.mark.parametrize(
    ("shape", "code_size", "count"), [((38, 21, 1), 1, 15), ((16, 16, 3), 512, 15), ((16, 16, 3), 4, 2)], ids=str
)
def test_unusual_models(tmp_path: Path, shape: tuple[int, int, int], code_size: int, count: int) -> None:
    train, test, model = models(shape, code_size)
    found = Page(write_report(model, test[:count], tmp_path / "p.html", train=train).read_text())
    assert len(found.images) > 10


def test_a_closed_form_has_no_curve(tmp_path: Path) -> None:
    train, test, _ = models((16, 16, 3), 4)
    text = write_report(la.PCAAutoencoder(4).fit(train), test, tmp_path / "p.html").read_text()
    assert "How it learned" not in text
    assert "Look-alikes" not in text


def test_codes_are_coloured_around_zero() -> None:
    picture = code_picture(np.array([-2.0, 0.0, 2.0, 9.0]), 2.0)
    assert picture.shape == (2, 2, 3)
    assert picture[0, 0, 2] > picture[0, 0, 0]  # blue below
    assert picture[0, 1].tolist() == [247, 247, 247]
    assert picture[1, 0, 0] > picture[1, 0, 2]  # red above
    assert picture[1, 1].tolist() == picture[1, 0].tolist()


def test_grids_hold_the_pictures() -> None:
    pictures = waves(5, 8, 8)
    figure = plots.grid(pictures, titles=list("abcde"), columns=3)
    shown = [axes.get_images()[0].get_array() for axes in figure.axes if axes.get_images()]
    assert len(shown) == 5
    np.testing.assert_array_equal(shown[3], pictures[3])
    assert [axes.get_title() for axes in figure.axes][:5] == list("abcde")
    floats = plots.grid(pictures / np.float32(255) - np.float32(0.6)).axes[0].get_images()[0].get_array()
    assert floats.min() >= 0  # clipped, as the notebook does
    assert plots.figure_png(figure) == plots.figure_png(plots.grid(pictures, titles=list("abcde"), columns=3))


def test_loss_curves_show_what_was_measured() -> None:
    history = [{"epoch": e, "train_mse": 0.1 / e, "validation_mse": None, "test_mse": 0.2 / e} for e in (1, 2, 3)]
    lines = plots.loss_curve(history).axes[0].get_lines()
    assert [line.get_ydata().tolist() for line in lines] == [[0.1, 0.05, 0.1 / 3], [0.2, 0.1, 0.2 / 3]]
    assert len(plots.loss_curve(history[:1]).axes[0].get_lines()) == 2


def test_cleaning_is_shown_with_the_best_classical_denoiser(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    train, test, model = models((16, 16, 3), 6)
    unet = la.UNetDenoiser(width=4, device="cpu").fit(train, epochs=1, progress=False)
    out = write_report(model, test, tmp_path / "p.html", train=train, denoiser=unet, noise="gaussian:0.1")
    result = unet.evaluate(test, "gaussian:0.1")
    noisy = corrupt(
        centre(test.pixels), parse_noise("gaussian:0.1"), seed=0, epoch=EVALUATION_EPOCH, indices=range(len(test))
    )
    tuned = [ClassicalDenoiser(name).tune(train, "gaussian:0.1", limit=40) for name in CLASSICAL]
    best = min(tuned, key=lambda one: one.tried[0][1])
    left = np.square(best.denoise(noisy) - centre(test.pixels)).mean()
    found = Page(out.read_text())
    for text in (f"error of {result.noisy_mse:.5f}, and {result.mse:.5f} is left", f"leaves {left:.5f}."):
        assert text in found.text
    for name in ("noisy", "cleaned", best.name):
        assert len(found.images[f"{name} picture"]) == 8
    originals = found.images["the clean picture"]
    shown = [next(i for i in range(len(test)) if (test[i] == one).all()) for one in originals]
    assert len(set(shown)) == 8
    restored = la.to_uint8(unet.reconstruct(noisy))[shown]
    np.testing.assert_allclose(np.stack(found.images["cleaned picture"]).astype(int), restored, atol=1)
    alone = write_report(model, test, tmp_path / "q.html", denoiser=unet, noise="gaussian:0.1").read_text()
    assert "classical" not in alone


def test_what_is_drawn_sharp_says_so(tmp_path: Path) -> None:
    pixels = waves(40, 16, 16, 3)
    pixels[::2] //= 3
    bright = np.tile([-1.0, 1.0], 20)[:, None]
    pictures = la.ImageSet(pixels, attribute_names=["Bright"], attribute_values=bright)
    train, test = pictures[:28], pictures[28:]
    model = sharpened(la.PCAAutoencoder(6).fit(train))
    model.require_sharp().training |= {
        "measured": {
            name: {"mse": mse, "detail": detail} for name, mse, detail in (("plain", 0.1, 0.25), ("sharp", 0.2, 0.75))
        },
        "history": [{"epoch": 1, "train_mse": 0.5, "validation_mse": None, "test_mse": 0.25}],
    }
    write_report(model, test, tmp_path / "sharp.html", train=train)
    found = Page((tmp_path / "sharp.html").read_text())
    assert (
        found.text.count("Drawn sharp: its detail is invented, not seen.") == 4
    )  # reconstructions, directions, morphs, edits
    for alt, drawn in found.images.items():
        if alt.startswith("drawn sharp, "):
            (place,) = [i for i in range(len(test)) if test.names[i] == alt.removeprefix("drawn sharp, ")]
            assert_array_equal(drawn[0], la.to_uint8(model.decode(model.encode(test[place]), sharp=True))[0])
    chosen = np.random.default_rng(2).permutation(len(test))[:2]  # as the page says: drawn by the seed
    strip = la.to_uint8(la.morph(model, *test.pixels[chosen], steps=7, sharp=True))
    assert_array_equal(found.images["morph, step 4 of 7"][0], strip[3])
    assert all(figure in found.text for figure in ("0.20000", "75%", "25%", "How it learned to draw sharp"))
    write_report(la.PCAAutoencoder(6).fit(train), test, tmp_path / "plain.html", train=train)
    plain = Page((tmp_path / "plain.html").read_text())
    assert "sharp" not in plain.text.replace("sharpened", "")

    drawn_so = ("drawn sharp, ", "direction ", "morph, ", "Bright at ")
    assert {alt for alt, said in found.said.items() if said} == {alt for alt in found.said if alt.startswith(drawn_so)}
    assert set(found.said.values()) == {None, DRAWN_SHARP}
    assert set(plain.said.values()) == {None}
    strips = {"directions", "morphs", "edits"}
    invented = strips | {"reconstructions"}
    for path in (tmp_path / "sharp_pictures").iterdir():
        with Image.open(path) as image:
            assert image.info.get("Description") == (DRAWN_SHARP if path.stem in invented else None)
    for name in invented:
        with Image.open(tmp_path / "plain_pictures" / f"{name}.png") as image:
            assert "Description" not in image.info
            height = image.height
        if name in strips:  # it stands below them as well
            below = np.asarray(Image.open(tmp_path / "sharp_pictures" / f"{name}.png"))[height:]
            assert (below.min(), below.max()) == (0, 255)
