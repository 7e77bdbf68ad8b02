"""Training and encoding on LFW: lookalike, Keras on TensorFlow, and plain PyTorch take turns on one machine.

    python benchmarks/training_speed.py lfw-deepfunneled.tgz --keras tfenv/bin/python [--rounds 5] [--seeds 5]
        [--only encode]

`--keras` is the Python of the environment that keras_reference.py describes; without it Keras is left out. Each round
measures everybody once; medians over the rounds are reported, and medians of the rounds' ratios. An epoch is the course
recipe's, without evaluation. `--keras-mse` is the test MSE that Keras ends with after its 25 epochs (keras_reference.py
writes it): the `fast` recipe is then trained once for every seed, and its time compared with 25 of Keras's epochs. The
floor is the multiplications alone, at the rate of one large matrix product in the quicker of float32 and bfloat16;
those that Winograd's way saves in float32 are counted all the same, so that it is a mark there and no floor.
Peak memory is that of a process of its own, which reads the archive anew and trains one epoch.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import lookalike as la
import timing
from lookalike.kernels.machine import rates
from lookalike.models.encoding import search_codes
from lookalike.search.index import index_class
from timing import seconds_of

COURSE_EPOCHS = 25
CODE, BATCH = 32, 32
GFLOP_A_PICTURE = 0.0381
"""Multiplications and additions of encoder and decoder, forward, at 32 x 32 and a code of 32, times two."""


class PlainNetwork(nn.Module):
    """The course's network as one would write it in PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        down, up = (3, 32, 64, 128, 256), (256, 128, 64, 32, 3)
        self.encoder = nn.Sequential(
            *(
                layer
                for i in range(4)
                for layer in (nn.Conv2d(down[i], down[i + 1], 3, padding=1), nn.ELU(), nn.MaxPool2d(2))
            ),
            nn.Flatten(),
            nn.Linear(1024, CODE),
        )
        self.decoder = nn.Sequential(
            nn.Linear(CODE, 1024),
            nn.Unflatten(1, (256, 2, 2)),
            *(
                layer
                for i in range(4)
                for layer in (
                    nn.ConvTranspose2d(up[i], up[i + 1], 3, stride=2, padding=1, output_padding=1),
                    nn.ELU() if i < 3 else nn.Identity(),
                )
            ),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Reconstruct (N, C, H, W)."""
        reconstruction: torch.Tensor = self.decoder(self.encoder(images))
        return reconstruction


def plain_epoch(network: PlainNetwork, optimizer: torch.optim.Optimizer, pictures: torch.Tensor) -> None:
    for members in torch.split(torch.randperm(len(pictures)), BATCH):
        batch = pictures[members]
        loss = F.mse_loss(network(batch), batch)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()


def plain_encoding(network: PlainNetwork, pictures: torch.Tensor) -> None:
    with torch.inference_mode():
        for batch in torch.split(pictures, 250):
            network.encoder(batch)


@contextmanager
def keras_worker(python: Path | None, train: np.ndarray, test: np.ndarray) -> Iterator[Callable[[str], float] | None]:
    """A process that trains an epoch or encodes when asked; None where there is no Python for it."""
    if python is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "faces.npz"
        np.savez(data, train=train, test=test)
        command = [str(python), str(Path(__file__).with_name("keras_reference.py")), "--data", str(data), "--worker"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            asked, answered = process.stdin, process.stdout

            def ask(word: str) -> float:
                print(word, file=asked, flush=True)
                return float(answered.readline())

            yield ask
            asked.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Time training and encoding on LFW.")
    parser.add_argument("archive", type=Path)
    parser.add_argument("--keras", type=Path)
    parser.add_argument("--keras-mse", type=float)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=("epoch", "encode"), help="time one of them alone, without --seeds")
    parser.add_argument("--most", type=int, help="take only so many training pictures, to try it out")
    parser.add_argument("--out", type=Path, help="a JSON file for all that was measured")
    parser.add_argument("--one-epoch", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one_epoch:
        one_epoch(arguments.archive)
        return
    train, test = la.load(arguments.archive).split()
    train = train[: arguments.most]
    floats = torch.from_numpy(train.pixels).permute(0, 3, 1, 2).float().div(255).sub(0.5).contiguous()
    plain = PlainNetwork()
    optimizer = torch.optim.Adamax(plain.parameters(), lr=0.002, eps=1e-7)
    model = la.ConvAutoencoder(CODE).fit(train.pixels[:640], epochs=1, progress=False)  # compiles the kernels as well

    with keras_worker(arguments.keras, train.pixels, test.pixels) as keras:
        calls: dict[str, dict[str, Callable[[], float]]] = {
            "epoch": {
                "plain PyTorch": lambda: seconds_of(lambda: plain_epoch(plain, optimizer, floats)),
                "lookalike": lambda: seconds_of(
                    lambda: la.ConvAutoencoder(CODE).fit(train.pixels, epochs=1, progress=False)
                ),
            },
            "encode": {
                "plain PyTorch": lambda: seconds_of(lambda: plain_encoding(plain, floats)),
                "lookalike, float32": lambda: seconds_of(lambda: model.encode(train.pixels)),
                "lookalike": lambda: seconds_of(lambda: search_codes(model, train.pixels)),
            },
        }
        calls = {word: rows for word, rows in calls.items() if arguments.only in (None, word)}
        if keras is not None:
            for word, rows in calls.items():
                calls[word] = {"Keras on TensorFlow": lambda word=word: keras(word), **rows}  # type: ignore[misc]
        flat = timing.take_turns(
            {f"{word}:{who}": call for word, rows in calls.items() for who, call in rows.items()}, arguments.rounds
        )
    measured = {word: {who: flat[f"{word}:{who}"] for who in rows} for word, rows in calls.items()}
    found = rates()
    rate = max(found["float32"], found["bfloat16"])
    floors = {word: work_of(word) * len(train) / rate for word in calls}
    report: dict[str, Any] = {"images": len(train), "seconds": measured, "floors": floors, "flops": rate}
    print_times(measured, floors, len(train))
    if arguments.seeds and arguments.only is None:
        report["fast"], model = fast(train, test, arguments, measured["epoch"])
        report["recall"] = kept_neighbours(model, train, test)
        print(f"\nneighbours at 10 kept by the quick codes: {report['recall']:.4f}")
    if arguments.only != "encode":
        report["peak_memory_mb"] = memory_of_training(arguments.archive)
        print(f"peak memory of reading the archive and training on it: {report['peak_memory_mb']:,.0f} MB")
    timing.write_result(arguments.out, report)


def work_of(word: str) -> float:
    """FLOP a picture: an epoch goes there once and back twice; the encoder is 30 of 38.1 parts."""
    return 1e9 * GFLOP_A_PICTURE * (3 if word == "epoch" else 30 / 38.1)


def print_times(measured: dict[str, timing.Times], floors: dict[str, float], count: int) -> None:
    for word, rows in measured.items():
        first = next(iter(rows.values()))
        head = f"{word}, {count:,} pictures", "seconds, median", "pictures a second", "times the first", "GFLOP/s"
        lines = []
        for who, times in rows.items():
            middle = statistics.median(times)
            gflops = work_of(word) * count / middle / 1e9
            ratio = timing.times_quicker(first, times)
            lines.append((who, f"{middle:.2f}", f"{count / middle:,.0f}", f"{ratio:.2f}", f"{gflops:.0f}"))
        lines.append(("the multiplications alone", f"{floors[word]:.2f}", f"{count / floors[word]:,.0f}", "", ""))
        print(f"\n{timing.table(head, lines)}")


def memory_of_training(archive: Path) -> float:
    """MB held at most by a process that reads the archive without a cache and trains for an epoch."""
    command = [sys.executable, __file__, str(archive), "--one-epoch"]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "LOOKALIKE_CACHE": folder}
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment)
    return float(done.stdout)


def one_epoch(archive: Path) -> None:
    """What `memory_of_training` asks of a process of its own."""
    train, test = la.load(archive).split()
    la.ConvAutoencoder(CODE).fit(train, test=test, epochs=1, progress=False)
    print(timing.peak_memory())


def fast(
    train: la.ImageSet, test: la.ImageSet, arguments: argparse.Namespace, epochs: dict[str, list[float]]
) -> tuple[list[dict[str, Any]], la.ConvAutoencoder]:
    """Seconds and test MSE of the fast recipe for every seed, and the last model."""
    rows = []
    for seed in range(arguments.seeds):
        model = la.ConvAutoencoder(CODE, seed=seed)
        taken = seconds_of(lambda model=model: model.fit(train.pixels, recipe="fast", progress=False))  # type: ignore[misc]
        rows.append({"seed": seed, "seconds": taken, "test_mse": -model.score(test)})
    whole = COURSE_EPOCHS * statistics.median(next(iter(epochs.values())))
    head = "fast, seed", "seconds", "test MSE", f"times sooner than {COURSE_EPOCHS} epochs of {next(iter(epochs))}"
    lines = [
        (f"{row['seed']}", f"{row['seconds']:.1f}", f"{row['test_mse']:.5f}", f"{whole / row['seconds']:.1f}")
        for row in rows
    ]
    print(f"\n{timing.table(head, lines)}")
    if arguments.keras_mse:
        reached = sum(row["test_mse"] <= arguments.keras_mse for row in rows)
        print(f"\n{reached} of {len(rows)} seeds reach Keras's {arguments.keras_mse:.5f}")
    return rows, model


def kept_neighbours(model: la.ConvAutoencoder, train: la.ImageSet, test: la.ImageSet) -> float:
    """Share of the ten nearest training pictures of a test picture that stay the same with the quick codes."""
    ways = (model.encode, lambda pictures: search_codes(model, pictures))
    found = [index_class("exact")().fit(encode(train)).query(encode(test), 10).ids for encode in ways]
    return float(np.mean([np.isin(quick, exact).mean() for exact, quick in zip(*found, strict=True)]))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
