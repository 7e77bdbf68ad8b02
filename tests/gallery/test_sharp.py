"""A gallery keeps its model's sharp decoder with its copy of the model, from whenever there is one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lookalike as la
from lookalike.models.sharp import DESCRIPTION, sharp_digest
from pictures import waves
from sharps import sharpened


@pytest.mark.local_store("the copy of the model has nothing to do with where codes are")
def test_it_is_taken_along(tmp_path: Path) -> None:
    pictures = la.ImageSet(waves(40, 16, 16))
    model = la.PCAAutoencoder(5).fit(pictures)
    codes = model.encode(pictures)
    early, late = tmp_path / "early", tmp_path / "late"
    with la.Gallery.open(early, model) as gallery:
        gallery.update(pictures)
        names = gallery.search(pictures.pixels[0]).names
    sharpened(model)
    assert not (early / "model" / DESCRIPTION).exists()
    for folder in (early, late):
        with la.Gallery.open(folder, model) as gallery:
            gallery.update(pictures)
        with la.Gallery.open(folder) as again:
            np.testing.assert_array_equal(again.model.decode(codes, sharp=True), model.decode(codes, sharp=True))
            assert again.search(pictures.pixels[0]).names == names
            again.update(pictures)  # by its own copy: nothing changes
        assert model.sharp_ is not None
        assert sharp_digest(folder / "model") == model.sharp_.digest
    with la.Gallery.open(early, sharpened(model, width=4)) as gallery:
        gallery.update(pictures)
    assert sharp_digest(early / "model") == model.sharp_.digest != sharp_digest(late / "model")
