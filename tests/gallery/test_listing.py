"""A gallery's items as arrays, in the file that an update leaves of them and in memory: the catalog's, always."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lookalike as la
from lookalike import archives
from lookalike.gallery import held as held_module
from lookalike.gallery import listing
from lookalike.gallery.catalog import Catalog
from lookalike.gallery.given import CodeSet, Numbers, read_codes
from lookalike.gallery.held import Held
from lookalike.gallery.listing import Places, Texts, places_of
from lookalike.models.given_codes import GivenCodes

pytestmark = pytest.mark.local_store("what is listed is the catalog's, wherever codes are")

NAMES = sorted(["a", "b/ü.jpg", "漢字", "😀 wide", "Z", "z", "a b", "b/u\u0308.jpg", *(f"{i:04d}" for i in range(90))])
SIZE = 6


def given(names: list[str], seed: int = 0) -> CodeSet:
    """Codes for names, the same for a name whatever the others are."""
    whole = np.random.default_rng(seed).normal(size=(500, SIZE)).astype(np.float32)
    return CodeSet(whole[[sum(name.encode()) % 500 for name in names]], names)


@pytest.fixture
def gallery(tmp_path: Path) -> la.Gallery:
    with la.Gallery.open(tmp_path / "gallery", GivenCodes(SIZE).initialise(), metric="euclidean") as gallery:
        gallery.update(given(NAMES))
        yield gallery


def test_a_few_texts_of_many_are_made_alone() -> None:
    encoded = [name.encode() for name in NAMES]
    texts = Texts.of([b"".join(encoded)], [np.array([len(one) for one in encoded])])
    assert [texts[place] for place in (0, 5, -1)] == [NAMES[0], NAMES[5], NAMES[-1]]
    assert "made" not in vars(texts)
    assert [texts[place] for place in range(len(NAMES))] * 2 == [texts[place] for place in range(len(NAMES))] + NAMES
    assert "made" in vars(texts)


@pytest.mark.parametrize("few", [0, 100])
@pytest.mark.parametrize("known", [["Ann", None, "", "Ö"], [None] * 4, ["x"] * 4])
def test_texts_are_what_they_were_made_of(known: list[str | None], few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "FEW", few)
    encoded = [b"\xff" if one is None else one.encode() for one in known]
    texts = Texts.of([b"".join(encoded)], [np.array([len(one) for one in encoded])])
    assert list(texts) == known == [texts[place] for place in range(4)] == texts[:]
    assert (texts[-1], texts[1:3], len(texts)) == (known[-1], known[1:3], 4)
    assert texts.are_known == any(one is not None for one in known)
    with pytest.raises(IndexError):
        texts[4]


def test_places_are_those_of_a_dictionary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "FEW", 0)
    rising = sorted(NAMES, key=str.encode)
    encoded = [name.encode() for name in rising]
    places = places_of(Texts.of([b"".join(encoded)], [np.array([len(one) for one in encoded])]))
    assert isinstance(places, Places)
    assert dict(places) == {name: place for place, name in enumerate(rising)}
    for missing in ("", "zz", "0000a", "漢", "\ud800"):
        assert (missing in places) == (missing in rising)
    assert places.get("zz") is None


def test_who_opens_reads_the_file_and_finds_the_catalogs_items(gallery: la.Gallery, tmp_path: Path) -> None:
    with la.Gallery.open(tmp_path / "gallery", create=False) as opened:
        view = opened._now()
        assert view.listing.file is not None
        assert opened.names == sorted(NAMES, key=str.encode)
        assert view.ids.tolist() == [id for (id,) in opened._catalog.fields("id", "stored")]
        assert view.rows.tolist() == [row for (row,) in opened._catalog.fields("row", "stored")]
        np.testing.assert_array_equal(view.places(view.ids[::-1]), np.arange(len(NAMES))[::-1])
        assert view.places_or_none(np.array([0, 10**9])).tolist() == [-1, -1]
        assert [path.name for path in (tmp_path / "gallery").glob("listing-*")] == [view.listing.file]


@pytest.mark.parametrize("how", ["flipped", "gone", "empty", "of another state"])
def test_a_file_that_cannot_be_trusted_changes_nothing(gallery: la.Gallery, tmp_path: Path, how: str) -> None:
    found = gallery.search("a", 5)
    (file,) = (tmp_path / "gallery").glob("listing-*")
    if how == "flipped":
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "gone":
        file.unlink()
    else:  # as a program would leave it that knows no such file
        with gallery._catalog.transaction():
            gallery._catalog.set_fact("generation", gallery.generation + 1)
    with la.Gallery.open(tmp_path / "gallery", create=False) as opened:
        assert opened._now().listing.file is None
        assert opened.search("a", 5).names == found.names
        assert opened.names == gallery.names
        opened.update(given(NAMES[3:]))
        assert opened._now().listing.file is not None
        assert set(opened.names) == set(NAMES[3:])


def test_what_is_kept_of_items_outlives_what_is_written_beside_them(gallery: la.Gallery) -> None:
    before = gallery._now().listing.file
    with gallery._catalog.transaction():
        gallery._catalog.next_generation(same_items=True)
    assert gallery._now().listing.file == before


def test_an_unchanged_source_writes_no_listing(gallery: la.Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[object] = []
    monkeypatch.setattr(archives, "write_arrays", lambda *given: written.append(given))
    assert gallery.update(given(NAMES)).added == 0
    assert not written


@pytest.mark.parametrize("order", ["rising", "falling", "any", "two at a time"])
def test_items_are_found_in_whatever_order_they_are_asked_for(
    gallery: la.Gallery, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_module, "MOST", 16)
    catalog: Catalog = gallery._catalog
    true = {item.name: item for item in catalog.items("stored")}
    asked = sorted([*true, "missing", "0000.", "\U0010ffff", " "])
    if order == "falling":
        asked.reverse()
    elif order == "any":
        asked = list(np.random.default_rng(0).permutation(asked))
    elif order == "two at a time":
        asked = [name for pair in zip(asked, asked[20:] + asked[:20], strict=True) for name in pair]
    held, statements = Held(catalog, same_reader=True), []
    run = catalog._rows
    monkeypatch.setattr(catalog, "_rows", lambda *given: statements.append(given) or run(*given))
    assert [held.item(str(name)) for name in asked] == [true.get(str(name)) for name in asked]
    if order == "rising":
        assert len(statements) < len(asked) / 6  # the next ones come along


def test_numbers_for_names_are_all_different(tmp_path: Path) -> None:
    np.save(tmp_path / "codes.npy", np.zeros((12, 3), np.float32))
    names = read_codes(tmp_path / "codes.npy").names
    assert isinstance(names, Numbers)
    assert list(names) == [f"{i:05d}" for i in range(12)]
    assert (names[-1], names[3:5], len(names)) == ("00011", ["00003", "00004"], 12)
