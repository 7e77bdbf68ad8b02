"""Galleries of few pictures, of pictures all alike, all black, of one person: right answers, or one clear line."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import cdist

import lookalike as la
from lookalike.data.images import ImageSet
from lookalike.errors import GalleryError
from lookalike.search.metric import METRICS

SIDE, CODE = 16, 64


@pytest.fixture(scope="module")
def model() -> la.PCAAutoencoder:
    return la.PCAAutoencoder(CODE).fit(la.load("synthetic:400", size=SIDE)[100:])


@pytest.fixture(scope="module")
def faces() -> ImageSet:
    return la.load("synthetic:400", size=SIDE)[:100]


def saved_again(pixels: np.ndarray) -> np.ndarray:
    """Pictures (N, H, W, 3) through JPEG, as a person's second copies are."""
    copies = []
    for picture in pixels:
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "jpeg", quality=90)
        copies.append(np.asarray(Image.open(stream)))
    return np.stack(copies)


def pictures_of(kind: str, count: int, faces: ImageSet) -> np.ndarray:
    if kind == "alike":
        return np.repeat(faces.pixels[:1], count, axis=0)
    return np.zeros_like(faces.pixels[:count]) if kind == "black" else faces.pixels[:count]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("count", [1, 2, 5, 60])
def test_a_copy_of_a_stored_picture_finds_it_first(
    faces: ImageSet, model: la.PCAAutoencoder, tmp_path: Path, count: int, metric: str
) -> None:
    """As often as by plain distances, by every metric; fewer pictures than the code has numbers."""
    with la.Gallery.open(tmp_path / "g", model, metric=metric) as gallery:
        gallery.update(ImageSet(faces.pixels[:count]))
        copies = saved_again(faces.pixels[:count])
        found = [gallery.search(copy, min(count, 4)) for copy in copies]
        plain = cdist(model.encode(copies), gallery.codes).argmin(axis=1)
        hits = sum(one.names[0] == f"{place:05d}" for place, one in enumerate(found))
        assert hits >= max(int((plain == np.arange(count)).sum()), 1)
        if count > 2:
            first, others = ([one.distances[at] for one in found] for at in (0, 1))
            assert np.median(first) < 0.5 * np.median(others)
            assert max(np.ptp(one.distances[1:]) for one in found) > 0.01  # not all equally far


@pytest.mark.parametrize("metric", METRICS)
def test_copies_are_found_as_duplicates_among_few(
    faces: ImageSet, model: la.PCAAutoencoder, tmp_path: Path, metric: str
) -> None:
    pixels = np.concatenate([faces.pixels[:30], saved_again(faces.pixels[:10])])
    with la.Gallery.open(tmp_path / "g", model, metric=metric) as gallery:
        gallery.update(ImageSet(pixels))
        groups = [sorted(group) for group in gallery.duplicates().groups]
    wanted = [[f"{i:05d}", f"{30 + i:05d}"] for i in range(10)]
    assert sum(pair in groups for pair in wanted) >= 9
    assert len(groups) <= 11


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("people", [None, "Ann"])
@pytest.mark.parametrize("kind", ["alike", "black", "different"])
@pytest.mark.parametrize("count", [1, 2, 5, 60])
def test_few_alike_black_or_of_one_person(
    faces: ImageSet, model: la.PCAAutoencoder, tmp_path: Path, count: int, kind: str, people: str | None, metric: str
) -> None:
    pixels = pictures_of(kind, count, faces)
    with la.Gallery.open(tmp_path / "g", model, metric=metric) as gallery:
        gallery.update(ImageSet(pixels, people=None if people is None else [people] * count))
        same = 1 if kind == "different" else count
        mine, other = gallery.search(pixels[0], count), gallery.search(faces.pixels[99], count)
        assert (mine.distances == 0).sum() == same
        assert (other.distances > 0.01).all()
        if count == 1 or kind != "different":
            reason = "holds 1 pictures" if count == 1 else "all pictures are the same one"
            with pytest.raises(GalleryError, match=reason):
                gallery.threshold()
        else:
            found = gallery.threshold()
            assert (found.basis, found.false_matches <= 0.1) == ("copies", True)
            assert found.distance is None or not (other.distances <= found.distance).all()
        if count > 1:
            groups = gallery.duplicates().groups
            if kind == "different":  # there may be two pictures of one person that hardly differ
                assert sum(len(group) for group in groups) <= count // 10
            else:
                assert [len(group) for group in groups] == [count]


def test_no_line_is_drawn_where_codes_tell_nothing_apart(
    faces: ImageSet, model: la.PCAAutoencoder, tmp_path: Path
) -> None:
    """Of one picture stored under many persons' names, everything would be a match."""
    pixels = np.repeat(faces.pixels[:1], 20, axis=0)
    with la.Gallery.open(tmp_path / "g", model) as gallery:
        gallery.update(ImageSet(pixels, people=[f"{i // 2}" for i in range(20)]))
        found = gallery.threshold()
        assert (found.distance, found.false_matches, found.true_match_rate) == (None, 0, 0)
        assert found.covers(0.0) is None
        assert gallery.known_threshold() == found


def test_a_search_model_of_pictures_that_are_all_alike(faces: ImageSet, tmp_path: Path) -> None:
    large = np.repeat(la.load("synthetic:2", size=32).pixels[:1], 60, axis=0)
    model = la.SearchAutoencoder(8).fit(large)
    with la.Gallery.open(tmp_path / "g", model) as gallery:
        gallery.update(ImageSet(large))
        assert gallery.search(large[0], 5).distances.tolist() == [0] * 5
        assert np.isfinite(gallery.search(255 - large[0], 5).distances).all()
