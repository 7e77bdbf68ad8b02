"""A served gallery of faces: uploads are photos, and each face has a way back to its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import lookalike as la
from faces import with_squares, yunet_model
from studio import SIZE, pixels_of, png, serving, small_model


def test_faces_of_photos(tmp_path: Path) -> None:
    squares = yunet_model(tmp_path / "squares.onnx")
    album = tmp_path / "album"
    album.mkdir()
    for number in range(3):
        Image.fromarray(with_squares((1, 1), (5, number + 2), shades=True, darker=2 * number)).save(
            album / f"{number}.png"
        )
    with la.Gallery.open(tmp_path / "gallery", model=small_model()) as gallery:
        gallery.update(album, size=SIZE, faces=True, detector=squares)
    with serving(tmp_path / "gallery") as served:
        ids = served.ids()
        assert sorted(ids) == [f"{photo}.png#face-{face}" for photo in range(3) for face in (1, 2)]

        told = served.get(f"/api/v1/items/{ids['1.png#face-2']}").json()
        assert (told["columns"]["photo"], told["columns"]["faces"]) == ("1.png", 2)
        assert told["columns"]["face_score"] > 0.9
        shown = pixels_of(served.get(f"/api/v1/items/{ids['1.png#face-2']}/photo").content)
        assert shown.shape == (320, 320, 3)

        found = served.send("/api/v1/search?k=1", (album / "1.png").read_bytes()).json()["neighbours"]
        assert (found[0]["name"], found[0]["distance"]) == ("1.png#face-1", 0.0)
        refused = served.send("/api/v1/search", png(np.zeros((320, 320, 3), np.uint8)), status=422)
        assert "no face found" in refused.json()["detail"]

        (album / "2.png").unlink()
        assert "cannot be read" in served.get(f"/api/v1/items/{ids['2.png#face-1']}/photo", 404).json()["detail"]
        chosen = served.get("/api/v1/items?where=face%20%3D%202").json()
        assert chosen["total"] == 3
