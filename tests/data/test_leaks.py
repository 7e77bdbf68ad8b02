"""Test pictures that are training pictures too."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookalike as la
from lookalike.data.leaks import Leak, leaks_between
from lookalike.experiment import split_of_run, train_run


@pytest.mark.parametrize("shape", [(5, 3, 1), (4, 4, 3)])
def test_every_copy_is_found_and_nothing_else(shape: tuple[int, ...]) -> None:
    """Among pictures of two values, so that many are the same by chance; against a search by all pairs."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 2, (400, *shape), np.uint8) * generator.integers(0, 2, (400, 1, 1, 1), np.uint8)
    pixels[1::3] = pixels[::3][: len(pixels[1::3])]
    training, test = la.ImageSet(pixels).split(0.3, 1)
    expected = []
    for name, picture in zip(test.names, test.pixels, strict=True):
        same = [i for i, one in enumerate(training.pixels) if (one == picture).all()]
        expected += [Leak(name, training.names[same[0]])] if same else []
    assert 0 < len(expected) < len(test)
    assert leaks_between(training, test) == expected
    assert leaks_between(training, la.ImageSet(np.zeros((3, 9, 9, 3), np.uint8))) == []


def test_training_warns_and_the_card_tells(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Files of the same picture, in another container and under another name, fall on both sides of the split."""
    (tmp_path / "in").mkdir()
    pictures = np.random.default_rng(1).integers(0, 256, (40, 8, 8, 3), np.uint8)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / "in" / f"{number:02}.png")
        if number < 20:
            Image.fromarray(picture).save(tmp_path / "in" / f"{number:02}.bmp")
    images = la.load(tmp_path / "in", size=8, cache=False)
    training, test = split_of_run(images)
    both = {name[:2] for name in training.names} & {name[:2] for name in test.names}
    assert both
    told = train_run(la.PCAAutoencoder(2), images, tmp_path / "run")
    assert {leak["test"][:2] for leak in told["leaks"]} == both
    assert all(leak["test"][:2] == leak["training"][:2] for leak in told["leaks"])
    assert f"{len(both)} of {len(test)} test pictures are in the training too, pixel for pixel" in caplog.text
    card = (tmp_path / "run" / "card.md").read_text()
    assert re.search(rf"pixel for pixel \| {len(both)} \|", card)
    caplog.clear()
    assert train_run(la.PCAAutoencoder(2), la.ImageSet(pictures), tmp_path / "clean")["leaks"] == []
    assert not caplog.text
    assert "pixel for pixel | none |" in (tmp_path / "clean" / "card.md").read_text()
