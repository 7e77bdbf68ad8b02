"""`--attributes` of any table, `--key` and `--exif` on the commands that take pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.data import load

COUNT = 60


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn faces as files by two cameras; a table of their skin in numbers and in two words, without five of them."""
    base = tmp_path_factory.mktemp("world")
    drawn = load(f"synthetic:{COUNT}", size=24)
    (base / "photos").mkdir()
    skin = drawn.attributes["skin"]
    rows = []
    for i, pixels in enumerate(drawn):
        tags = Image.Exif()
        tags[0x0110] = "Pixel 7" if i % 2 else "Canon"
        Image.fromarray(pixels).save(base / "photos" / f"{i:02}.png", exif=tags)
        word = "dark" if skin[i] > np.median(skin) else "bright"
        rows.append(
            {
                "which": f"{i:02}.png",
                "tone": float(skin[i]),
                "said": word,
                "nr": f"n{i}",
                "day": f"2024-05-{i % 2 + 1:02}",
            }
        )
    (base / "t.jsonl").write_text("\n".join(map(json.dumps, rows[5:])))
    return base


def test_from_a_table_to_its_directions(call, world: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    asked = ["--attributes", world / "t.jsonl", "--key", "which", "--exif"]
    told = call("data", world / "photos", *asked, "--size", 24, "--json").json
    assert (told["images"], told["attributes"]) == (COUNT, 4 + 7)
    run = tmp_path / "run"
    call("train", world / "photos", "--run", run, "--model", "pca", "--code", 8, "--size", 24, *asked, "--json")
    learned = call("directions", run, "--count", 1, "--json").json["directions"]
    by_name = {one["name"]: one for one in learned}
    # words of two values become 0 and 1, said so; other words and times have no sides; constants teach nothing
    assert list(by_name) == ["principal-1", "tone", "said: dark", "camera: Pixel 7"]
    assert by_name["tone"]["meaningful"]
    chosen = call("directions", run, world / "photos", *asked, "--attribute", "said", "--count", 1, "--json").json
    assert [one["name"] for one in chosen["directions"]] == ["principal-1", "said: dark"]
    for name, why in (("nr", "'nr' has 50 different words"), ("smirk", "'smirk' is not in the table")):
        failed = call("directions", run, "--attribute", name)
        assert failed.code == 2
        assert why in failed.err
    assert call("evaluate", run, world / "photos", *asked, "--json").json["images"] == COUNT


def test_index_and_bench_take_the_same(call, world: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    asked = ["--attributes", world / "t.jsonl", "--key", "which"]
    run = tmp_path / "run"
    call("train", world / "photos", "--run", run, "--model", "pca", "--code", 8, "--size", 24, "--json")
    call("index", run, world / "photos", "--gallery", tmp_path / "g", *asked, "--exif", "--json")
    where = "said = 'dark' and camera = 'Canon'"
    found = call("search", tmp_path / "g", "--item", "06.png", "-k", 99, "--where", where, "--json").json["neighbours"]
    rows = [json.loads(line) for line in (world / "t.jsonl").read_text().splitlines()]
    expected = [row["which"] for row in rows if row["said"] == "dark" and int(row["which"][:2]) % 2 == 0]
    assert sorted(one["name"] for one in found) == sorted(expected)
    judged = call(
        *("bench", "quality", world / "photos", "--out", tmp_path / "q", "--run", run, "--pictures", 1, "--json"),
        *asked,
    ).json
    levels = {one["level"] for one in judged["figures"] if one["measure"] == "agreement"}
    assert levels == {"mean", "tone", "said: dark"}
