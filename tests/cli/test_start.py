"""What a command loads before it answers: nothing of what trains."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import lookalike as la
from sharps import sharpened

TRAINS = {"torch", "lightning_fabric", "sklearn"}
PLOTS = {"matplotlib"}
TABLES = {"pandas"}
SLOW = {"pydantic", "onnx", "filelock", "isal", "scipy", "statistics"}
"""What a question waits for in vain: checked words, a graph's parser, a lock to write under, what unpacks archives,
fractions for the middle of some seconds."""
CODE = """
import sys
from lookalike.cli import main
try:
    main()
except SystemExit as leaving:
    assert not leaving.code, leaving.code
loaded = {name.partition(".")[0] for name in sys.modules} | {"torch._dynamo"} & {*sys.modules}
print(len(sys.modules), *loaded, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that know their pictures, a gallery of each, and two pictures."""
    place = tmp_path_factory.mktemp("start")
    faces = la.load("synthetic:60", size=16)
    train, test = faces.split()
    pca = la.PCAAutoencoder(4).fit(train)
    conv = la.ConvAutoencoder(4, channels=(4, 6)).initialise(faces.image_shape)
    unet = la.UNetDenoiser(width=4).initialise(faces.image_shape)
    sharpened(pca)
    for name, model in (("pca", pca), ("conv", conv), ("unet", unet)):
        model.data_ = pca.data_
        model.save(place / name)
        if model.has_code:
            with la.Gallery.open(place / f"{name}-gallery", model) as gallery:
                gallery.update(train)
    for name, picture in zip("ab", test.pixels[:2], strict=True):
        Image.fromarray(picture).resize((40, 40)).save(place / f"{name}.png")
    return place


# Modules as they were counted when this was written, and a tenth more.
COMMANDS = {
    "--help": (SLOW | {"numpy"}, 235),
    "train --help": (SLOW | {"numpy"}, 205),
    "data synthetic:60 --size 16": (SLOW | TRAINS | PLOTS | TABLES | {"rich", "onnxruntime"}, 380),
    "search pca-gallery a.png": (SLOW | TRAINS | PLOTS | TABLES | {"onnxruntime"}, 500),
    "search conv-gallery a.png": (SLOW | TRAINS | PLOTS | TABLES, 500),
    "encode conv synthetic:60 --out codes": ({"pydantic", "onnx"} | TRAINS | PLOTS, 880),
    "reconstruct conv a.png --out back": ({"pydantic", "onnx"} | TRAINS | TABLES, 700),
    "denoise unet a.png --out clean": (SLOW | TRAINS | TABLES, 640),
    "denoise a.png --out clean": (SLOW | TRAINS | TABLES, 640),
    "morph conv a.png b.png --out morph.gif": (SLOW | TRAINS | PLOTS | TABLES, 430),
    "morph pca a.png b.png --sharp --out sharp.gif": (SLOW | TRAINS | PLOTS | TABLES, 430),
    "reconstruct pca a.png --sharp --out sharp": ({"pydantic", "onnx"} | TRAINS | TABLES, 700),
    "train synthetic:60 --size 16 --run fresh --epochs 1 --json": (
        {"pydantic", "onnx", "lightning_fabric", "torch._dynamo", "sklearn"},
        1960,
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_loads_what_it_needs(command: str, place: Path) -> None:
    absent, most = COMMANDS[command]
    done = subprocess.run([sys.executable, "-c", CODE, *command.split()], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    count, *loaded = done.stderr.splitlines()[-1].split()
    assert not absent & set(loaded)
    assert int(count) <= most


def test_python_searches_without_what_trains(place: Path) -> None:
    code = (
        "import sys, json, lookalike as la\n"
        "gallery = la.Gallery.open('conv-gallery', create=False)\n"
        "found = gallery.search('a.png', k=3)\n"
        "print(json.dumps([len(found.names), *{name.partition('.')[0] for name in sys.modules}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=True)
    count, *loaded = json.loads(done.stdout)
    assert count == 3
    assert not (SLOW | TRAINS | PLOTS | TABLES) & set(loaded)
