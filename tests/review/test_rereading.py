"""Pictures read once more from where a gallery has them from."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import lookalike as la
from lookalike.data import located
from lookalike.data.images import DataSpec, Pixels
from lookalike.review.rereading import FEW, read_again
from pictures import waves

COUNT = FEW + 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures in two folders."""
    for number, picture in enumerate(waves(COUNT, 16, 16)):
        path = tmp_path / "pictures" / f"{number % 2}" / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    return tmp_path / "pictures"


def contents(spec: DataSpec, names: list[str]) -> dict[str, bytes]:
    def of_row(picture: Pixels) -> bytes:
        raise AssertionError("these are files")

    return dict(read_again(spec, names, bytes, of_row))


def test_for_a_few_pictures_a_folder_is_not_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = la.load(folder, size=16, cache=False)
    spec, names = faces.spec, list(faces.names)
    assert spec is not None
    listed: list[Path] = []
    listing_of = located.folder.listing_of
    monkeypatch.setattr(located.folder, "listing_of", lambda path: [listed.append(path), listing_of(path)][1])
    whole = {name: (folder / name).read_bytes() for name in names}

    few = names[FEW - 1 :: -1]
    found = contents(spec, few)
    assert (found, list(found)) == ({name: whole[name] for name in few}, names[:FEW])  # in their source's order
    assert listed == []
    assert contents(spec, names) == whole
    assert len(listed) == 1

    (folder / names[0]).unlink()  # what is not where its name says is looked for among all
    assert contents(spec, names[:2]) == {names[1]: whole[names[1]]}
    assert len(listed) == 2
