"""How the detector's least scores and the way of aligning were chosen: on LFW's training split alone.

    python benchmarks/faces_choice.py floors lfw-deepfunneled.tgz --photos 4000
    python benchmarks/faces_choice.py turned lfw-deepfunneled.tgz --photos 120
    python benchmarks/faces_choice.py aligning lfw-deepfunneled.tgz --finds finds.json

`floors`: central faces and others that are found, by the score from which a find counts. `turned`: photos found upright
as they are and turned by one to three quarters, by the score from which a turned find counts. `aligning`: same-person
top 1 by the points that are aligned, of codes fitted on four fifths of the training split; `finds.json` is what
`faces.py lfw` keeps. The test split (0.1, random state 42) is not looked at; `faces.py` measures on it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.model_selection import train_test_split

from faces import FRAMING, all_finds, central, decoded, photos_of, same_person
from lookalike.data import Pixels
from lookalike.data.decode import frame_image
from lookalike.data.faces import mtcnn
from lookalike.data.faces.align import POINTS, align, similarity
from lookalike.data.faces.contract import Coordinates, Face
from lookalike.data.faces.finding import distinct, on_turned, surest
from lookalike.data.lfw import portrait

FLOORS = (0.5, 0.7, 0.9, 0.95, 0.98, 0.99)
SURE = (0.95, 0.98, 0.99, 0.995, 0.999)
WAYS = {"five points": [0, 1, 2, 3, 4], "eyes": [0, 1], "eyes and mouth": [0, 1, 3, 4]}
UPRIGHT = 30
"""Degrees within which a face of LFW counts as found the right way up."""


def training_photos(path: Path) -> dict[str, bytes]:
    """In the split's own order, which is random."""
    photos = dict(photos_of(path))
    names = train_test_split(list(photos), test_size=0.1, random_state=42)[0]
    return {name: photos[name] for name in names}


def looks(content: bytes, detector: mtcnn.Mtcnn) -> list[list[Face]]:
    """What is found on a photo turned by no, one, two and three quarters, in the photo's own coordinates."""
    photo = decoded(content)
    return [detector(photo), *(on_turned(photo, quarters, detector, 0) for quarters in (1, 2, 3))]


def floors(arguments: argparse.Namespace) -> dict[str, Any]:
    detector = lenient()
    found = [detector(decoded(one)) for one in list(training_photos(arguments.archive).values())[: arguments.photos]]
    told = {}
    for floor in FLOORS:
        kept = [distinct([face for face in faces if face.score > floor]) for faces in found]
        middles = sum(central(faces) is not None for faces in kept)
        told[str(floor)] = {"missed": len(kept) - middles, "others": sum(map(len, kept)) - middles}
    return {"photos": len(found), **told}


def turned(arguments: argparse.Namespace) -> dict[str, Any]:
    """A photo that lies turned by some quarters shows, looked at turned by some more, what the sum of both shows."""
    detector = lenient()
    chosen = list(training_photos(arguments.archive).values())[-arguments.photos :]
    seen = [looks(content, detector) for content in chosen]
    told: dict[str, Any] = {}
    for sure in SURE:
        right = [0, 0, 0, 0]
        for lies in range(4):
            for ways in seen:
                faces = [face for face in ways[lies] if face.score > AT_LEAST]
                if surest(faces) < sure:
                    others = [[f for f in ways[(lies + q) % 4] if f.score >= sure] for q in (2, 1, 3)]
                    faces = max([faces, *others], key=surest)
                face = central(distinct(faces))
                right[lies] += face is not None and abs(face.angle) < UPRIGHT
        told[str(sure)] = right
    return {"photos": len(chosen), "found upright when turned by quarters": told}


AT_LEAST = mtcnn.AT_LEAST[2]


def lenient() -> mtcnn.Mtcnn:
    """The detector with all that its last network gives half a chance."""
    mtcnn.AT_LEAST = (*mtcnn.AT_LEAST[:2], FLOORS[0])
    return mtcnn.Mtcnn()


def aligning(arguments: argparse.Namespace) -> dict[str, Any]:
    photos = training_photos(arguments.archive)
    finds = all_finds(arguments.archive, arguments.finds, None)
    points = {name: face.points for name in photos if (face := central(finds[name])) is not None}
    pictures: dict[str, list[Pixels]] = {way: [] for way in ("LFW's own framing", *WAYS)}
    for name, content in photos.items():
        photo = decoded(content)
        for way, framed in pictures.items():
            seen = placed(photo, points[name], WAYS[way]) if way in WAYS and name in points else photo
            framed.append(frame_image(Image.fromarray(seen), FRAMING))
    people = np.array([one.person if (one := portrait(name)) else "" for name in photos])
    learned = np.zeros(len(people), bool)
    learned[train_test_split(np.arange(len(people)), test_size=0.2, random_state=42)[0]] = True
    counts = np.unique(people, return_inverse=True, return_counts=True)
    queries = np.flatnonzero(counts[2][counts[1]] > 1)
    return {way: same_person(np.stack(framed), people, learned, queries) for way, framed in pictures.items()}


def placed(photo: Pixels, points: Coordinates, which: list[int]) -> Pixels:
    """Aligned by some of the five points: by five that lie as those few have it."""
    matrix = similarity(points[which], POINTS[which])
    return align(photo, (POINTS - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for measure in (floors, turned, aligning):
        command = commands.add_parser(measure.__name__)
        command.set_defaults(measure=measure)
        command.add_argument("archive", type=Path)
        if measure is aligning:
            command.add_argument("--finds", type=Path, required=True, help="what `faces.py lfw` kept")
        else:
            command.add_argument("--photos", type=int, default=4000, help="of the training split")
    arguments = parser.parse_args()
    print(json.dumps(arguments.measure(arguments), indent=1))


if __name__ == "__main__":
    main()
