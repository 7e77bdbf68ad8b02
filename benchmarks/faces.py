"""Faces found in photos: how many, how well aligned, how fast, and what else is taken for one.

    python benchmarks/faces.py lfw lfw-deepfunneled.tgz --finds finds.json
    python benchmarks/faces.py turned lfw-deepfunneled.tgz
    python benchmarks/faces.py false FOLDER --sheet finds.png
    python benchmarks/faces.py speed FOLDER

`lfw` measures on all photos, or with `--people N` on those of N people drawn at random: the share of central faces
found; where the five points lie (`lookalike.data.faces.align.POINTS` are the means over the training split); how far
aligning moves the eyes of deep-funneled photos; and same-person top 1 by codes of 128 numbers, once framed as LFW
itself and once from the faces found, in the whole set and by the queries of the test split alone.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from sklearn.model_selection import train_test_split

from lookalike.data import ImageSet, Pixels, archive
from lookalike.data.decode import frame_image
from lookalike.data.faces.align import POINTS, SIDE, align, similarity
from lookalike.data.faces.contract import Face
from lookalike.data.faces.finding import find_faces
from lookalike.data.faces.mtcnn import Mtcnn
from lookalike.data.framing import Framing
from lookalike.data.lfw import portrait, short_name
from lookalike.data.pipeline import available_cores
from lookalike.models.search import SearchAutoencoder
from lookalike.yardstick.search import nearest_others

MIDDLE = np.array([SIDE / 2, SIDE / 2])
FRAMING = Framing((32, 32), 80, "stretch")
CODE = 128
Finds = dict[str, list[Face]]


def photos_of(path: Path) -> Iterator[tuple[str, bytes]]:
    for source in archive.pictures_in(path, lambda name: portrait(name) is not None):
        yield short_name(source.name), source.read()


def decoded(content: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def all_finds(path: Path, kept: Path | None, people: int | None) -> Finds:
    """What is found in every photo, taken from `kept` where it is there."""
    if kept is not None and kept.exists():
        stored = json.loads(kept.read_text())
        return {
            name: [Face(tuple(box), np.array(points), score) for box, points, score in faces]
            for name, faces in stored.items()
        }
    photos = dict(photos_of(path))
    if people is not None:
        names = sorted({name.split("/")[0] for name in photos})
        chosen = set(np.random.default_rng(0).permutation(names)[:people].tolist())
        photos = {name: content for name, content in photos.items() if name.split("/")[0] in chosen}
    detector = Mtcnn()
    with ThreadPoolExecutor(available_cores()) as pool:
        found = dict(
            zip(photos, pool.map(lambda content: find_faces(decoded(content), detector), photos.values()), strict=True)
        )
    if kept is not None:
        told = {name: [[one.box, one.points.tolist(), one.score] for one in faces] for name, faces in found.items()}
        kept.write_text(json.dumps(told))
    return found


def central(faces: Sequence[Face]) -> Face | None:
    """Of the faces over the middle of LFW's frame, the one whose middle is nearest to it."""
    around = [face for face in faces if face.box[0] < MIDDLE[0] < face.box[2] and face.box[1] < MIDDLE[1] < face.box[3]]
    return min(around, key=lambda face: math.dist(np.add(face.box[:2], face.box[2:]) / 2, MIDDLE), default=None)


def lfw(arguments: argparse.Namespace) -> dict[str, Any]:
    photos = dict(photos_of(arguments.archive))
    train_names = set(train_test_split(list(photos), test_size=0.1, random_state=42)[0])
    finds = all_finds(arguments.archive, arguments.finds, arguments.people)
    ours = {name: face for name, faces in finds.items() if (face := central(faces)) is not None}
    in_train = np.array([face.points for name, face in ours.items() if name in train_names])
    moved = [similarity(face.points, POINTS) for face in ours.values()]
    eyes = [
        math.dist(face.points[i] @ matrix[:, :2].T + matrix[:, 2], face.points[i])
        for face, matrix in zip(ours.values(), moved, strict=True)
        for i in (0, 1)
    ]
    return {
        "photos": len(finds),
        "central_missed": {
            part: sum(name not in ours for name in finds if (name in train_names) == (part == "train"))
            for part in ("train", "test")
        },
        "faces": sum(map(len, finds.values())),
        "points_train": in_train.mean(axis=0).round(2).tolist(),
        "points_train_spread": in_train.std(axis=0).round(2).tolist(),
        "eyes_moved_pixels": {"median": np.median(eyes), "rms": np.sqrt(np.mean(np.square(eyes)))},
        "turned_degrees_rms": np.sqrt(np.mean([math.degrees(math.atan2(m[1, 0], m[0, 0])) ** 2 for m in moved])),
        "scaled_by": np.quantile([np.hypot(m[0, 0], m[1, 0]) for m in moved], [0.05, 0.5, 0.95]).round(3).tolist(),
        "top_1": top_1({name: photos[name] for name in finds}, ours, train_names),
    }


def top_1(photos: dict[str, bytes], ours: dict[str, Face], train_names: set[str]) -> dict[str, dict[str, float]]:
    """Same-person top 1; a photo in which no central face was found is framed as LFW's, to its own loss."""
    own, found = [], []
    for name, content in photos.items():
        photo = decoded(content)
        own.append(frame_image(Image.fromarray(photo), FRAMING))
        aligned = photo if name not in ours else align(photo, ours[name].points)
        found.append(frame_image(Image.fromarray(aligned), FRAMING))
    names = list(photos)
    people = np.array([one.person if (one := portrait(name)) else "" for name in names])
    is_train = np.array([name in train_names for name in names])
    queries = np.flatnonzero(np.unique(people, return_counts=True)[1][np.unique(people, return_inverse=True)[1]] > 1)
    return {
        title: same_person(np.stack(pictures), people, is_train, queries)
        for title, pictures in (("lfw_framing", own), ("found", found))
    }


def same_person(
    pictures: Pixels, people: npt.NDArray[np.str_], is_train: npt.NDArray[np.bool_], queries: npt.NDArray[np.intp]
) -> dict[str, float]:
    size = min(CODE, int(is_train.sum()) - 1)  # fewer, where few people were asked for
    codes = SearchAutoencoder(size).fit(ImageSet(pictures[is_train])).encode(ImageSet(pictures))
    codes = (codes / np.linalg.norm(codes, axis=1, keepdims=True)).astype(np.float32)
    is_same = people[nearest_others(codes, queries, 1)[:, 0]] == people[queries]
    return {"all": float(is_same.mean()), "test_queries": float(is_same[~is_train[queries]].mean())}


def turned(arguments: argparse.Namespace) -> dict[str, Any]:
    """The share of 100 photos of the training split whose face is found and upright within 20 degrees, by turn."""
    photos = dict(photos_of(arguments.archive))
    train = train_test_split(list(photos), test_size=0.1, random_state=42)[0]
    chosen = [train[i] for i in np.random.default_rng(1).permutation(len(train))[:100]]
    detector = Mtcnn()
    result = {}
    for degrees in (0, 15, 30, 40, 45, 50, 60, 90, 135, 180):
        right = 0
        for number, name in enumerate(chosen):
            angle = degrees if number % 2 else -degrees
            photo = Image.open(io.BytesIO(photos[name])).convert("RGB").rotate(-angle, Image.Resampling.BICUBIC)
            face = central(find_faces(np.asarray(photo), detector))
            right += face is not None and abs((face.angle - angle + 180) % 360 - 180) < 20
        result[str(degrees)] = right / len(chosen)
    return result


def false(arguments: argparse.Namespace) -> dict[str, Any]:
    """All that is found in a folder, least sure first, on a sheet to be looked at."""
    detector = Mtcnn()
    found: list[tuple[Face, Path]] = []
    for path in sorted(one for one in arguments.folder.iterdir() if one.is_file()):
        found += [(face, path) for face in find_faces(decoded(path.read_bytes()), detector)]
    found.sort(key=lambda one: one[0].score)
    tiles = [_tile(face, path) for face, path in found]
    if arguments.sheet is not None and tiles:
        tiles += [Image.new("RGB", (96, 96))] * (-len(tiles) % 12)
        sheet = np.vstack([np.hstack(list(map(np.asarray, tiles[i : i + 12]))) for i in range(0, len(tiles), 12)])
        Image.fromarray(sheet).save(arguments.sheet)
    return {"finds": len(found), "photos_with_finds": len({path for _, path in found})}


def _tile(face: Face, path: Path) -> Image.Image:
    left, top, right, bottom = face.box
    margin = (right - left) / 3
    box = (round(left - margin), round(top - margin), round(right + margin), round(bottom + margin))
    tile = Image.open(path).convert("RGB").crop(box).resize((96, 96))
    ImageDraw.Draw(tile).text((2, 84), f"{face.score:.3f} {path.stem[:8]}", fill=(0, 255, 0))
    return tile


def speed(arguments: argparse.Namespace) -> dict[str, Any]:
    """Photos a second on all cores: as they are, and enlarged to 1,600 and 4,000 pixels."""
    detector = Mtcnn()
    paths = sorted(one for one in arguments.folder.iterdir() if one.is_file())[:64]
    photos = [Image.open(path).convert("RGB") for path in paths]
    result = {}
    for title, longest in (("as they are", None), ("1600", 1600), ("4000", 4000)):
        some = photos if longest is None else photos[:16]
        scaled = [
            np.asarray(one if longest is None else one.resize([side * longest // max(one.size) for side in one.size]))
            for one in some
        ]
        started = time.perf_counter()
        with ThreadPoolExecutor(available_cores()) as pool:
            list(pool.map(lambda photo: find_faces(photo, detector), scaled))
        result[title] = len(scaled) / (time.perf_counter() - started)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for measure in (lfw, turned, false, speed):
        command = commands.add_parser(measure.__name__)
        command.set_defaults(measure=measure)
        command.add_argument("archive" if measure in (lfw, turned) else "folder", type=Path)
        if measure is lfw:
            command.add_argument("--finds", type=Path, help="keeps what was found; taken from there the next time")
            command.add_argument("--people", type=int, help="so many people, drawn at random; all of them otherwise")
        if measure is false:
            command.add_argument("--sheet", type=Path, help="a PNG of all that was found, least sure first")
    arguments = parser.parse_args()
    print(json.dumps(arguments.measure(arguments), indent=1))


if __name__ == "__main__":
    main()
