"""What shows a straight edge and nothing else is a copy of nothing; what shows little else still is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

import lookalike as la
from lookalike.review import find_copies, likeness
from lookalike.review.alignment import Laid

SIDE, COUNT = 128, 12
Generator = np.random.Generator
Drawing = Callable[[Generator], Image.Image]


def edge(draw: Generator, width: float | None = None, noise: float = 1.5) -> Image.Image:
    """Two grounds with one straight edge between, unsharp as what lies behind a portrait."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    angle, far = draw.uniform(0, 2 * np.pi), draw.uniform(-0.2, 0.2)
    across = (x * np.cos(angle) + y * np.sin(angle) - far) / (width or draw.uniform(0.02, 0.12))
    share = 1 / (1 + np.exp(-across.clip(-50, 50)[..., None]))
    light = share * draw.uniform(20, 110, 3) + (1 - share) * draw.uniform(140, 235, 3)
    return Image.fromarray((light + draw.normal(0, noise, (SIDE, SIDE, 1))).clip(0, 255).astype(np.uint8))


def horizon(draw: Generator) -> Image.Image:
    """Two colours and a level line."""
    return edge(draw, width=1e-4, noise=0).rotate(float(draw.choice([0, 90])))


def cartoon(draw: Generator) -> Image.Image:
    """Three discs and two triangles, flat."""
    image = Image.new("RGB", (SIDE, SIDE), tuple(draw.integers(60, 256, 3).tolist()))
    pen = ImageDraw.Draw(image)
    for number in range(5):
        colour, corners = tuple(draw.integers(0, 256, 3).tolist()), draw.integers(0, SIDE, (3, 2)).tolist()
        (x, y), radius = corners[0], int(draw.integers(12, 30))
        if number % 2:
            pen.polygon([tuple(one) for one in corners], fill=colour)
        else:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return image


def page(draw: Generator) -> Image.Image:
    """Lines of letters on white."""
    image = Image.new("RGB", (240, 320), (252, 252, 250))
    pen = ImageDraw.Draw(image)
    for y in range(15, 300, 16):
        letters = "".join(draw.choice(list("abcdefghij  "), int(draw.integers(8, 40))))
        pen.text((15, y), letters, fill=(20, 20, 20), font=ImageFont.load_default(size=11))
    return image


def hills(draw: Generator) -> Image.Image:
    """A sky and a skyline that is not straight."""
    x = np.arange(SIDE) / SIDE
    waves = (draw.uniform(0.03, 0.08) * np.sin(2 * np.pi * k * x + draw.uniform(0, 6)) for k in (1, 2, 3, 5))
    is_sky = x[:, None] < draw.uniform(0.4, 0.6) + sum(waves, np.zeros(SIDE))
    light = np.where(is_sky[..., None], draw.uniform(120, 235, 3), draw.uniform(10, 100, 3))
    return Image.fromarray(light.astype(np.uint8))


def groups_of(folder: Path, place: Path) -> list[list[str]]:
    model = la.PCAAutoencoder(16).fit(la.load(folder, size=32, cache=False))
    with la.Gallery.open(place, model) as gallery:
        gallery.update(folder)
        return sorted(sorted(group) for group in find_copies(gallery).groups)


def test_grounds_with_one_straight_edge_are_no_copies(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    draw = np.random.default_rng(0)
    for number in range(2 * COUNT):
        edge(draw).save(tmp_path / "in" / f"{number:02}.png")
    assert groups_of(tmp_path / "in", tmp_path / "g") == []


@pytest.mark.parametrize("drawing", [cartoon, page, hills])
def test_copies_that_show_little_are_found(drawing: Drawing, tmp_path: Path) -> None:
    """And no others, saved again at half the size in other colours; among grounds with one edge."""
    (tmp_path / "in").mkdir()
    draw = np.random.default_rng(1)
    for number in range(COUNT):
        picture = drawing(draw)
        picture.save(tmp_path / "in" / f"{number:02}.png")
        light = np.asarray(picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS))
        changed = Image.fromarray((light * [0.95, 0.85, 0.8]).astype(np.uint8))
        changed.save(tmp_path / "in" / f"{number:02} copy.jpg", quality=70)
        edge(draw).save(tmp_path / "in" / f"{number:02} edge.png")
    assert groups_of(tmp_path / "in", tmp_path / "g") == [[f"{i:02} copy.jpg", f"{i:02}.png"] for i in range(COUNT)]


def test_a_straight_horizon_is_told_by_its_pixels_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    draw = np.random.default_rng(2)
    for number in range(COUNT):
        picture = horizon(draw)
        picture.save(tmp_path / "in" / f"{number:02}.png")
        if number < COUNT // 2:
            picture.save(tmp_path / "in" / f"{number:02} copy.jpg", quality=70)
        else:
            picture.save(tmp_path / "in" / f"{number:02} copy.bmp")
    assert groups_of(tmp_path / "in", tmp_path / "g") == [
        [f"{i:02} copy.bmp", f"{i:02}.png"] for i in range(COUNT // 2, COUNT)
    ]


def test_blocks_are_pinned_by_what_both_pictures_show_in_two_directions() -> None:
    """Against NumPy's slopes and eigenvalues, block by block, away from the margin; noise is not shared."""
    draw = np.random.default_rng(3)
    drawn = cartoon(draw), hills(draw), edge(draw, noise=0), page(draw)
    grey = np.stack([np.asarray(one.convert("L").resize((96, 96))) for one in drawn])
    first, second = (grey / 255 + draw.normal(0, 0.008, (2, 4, 96, 96))).astype(np.float32)
    expected = np.empty((4, 8, 8), bool)
    for place, (a, b) in enumerate(zip(first.astype(float), second.astype(float), strict=True)):
        products = np.einsum("iyx,jyx->yxij", np.stack(np.gradient(a)), np.stack(np.gradient(b)))
        tensors = products.reshape(8, 12, 8, 12, 2, 2).mean((1, 3))
        least, most = np.moveaxis(np.linalg.eigvalsh((tensors + np.swapaxes(tensors, -1, -2)) / 2), -1, 0)
        expected[place] = (least >= 1e-5) & (least >= 0.05 * most)
    found = likeness._are_pinned(torch.from_numpy(first), torch.from_numpy(second)).reshape(4, 8, 8).numpy()
    np.testing.assert_array_equal(found[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1])
    one = Laid(torch.tensor([[[1.0, 0, 0], [0, 1, 0]]]).expand(4, 2, 3), torch.ones(4), torch.ones(4))
    pinned = likeness.blockwise(torch.from_numpy(first), torch.from_numpy(second), one)[2].tolist()
    assert pinned[2] <= 3
    assert min(pinned[0], pinned[1], pinned[3]) >= 4
