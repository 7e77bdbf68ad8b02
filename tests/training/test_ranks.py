"""Several processes that train together: the steps of one, and one end for all."""

from __future__ import annotations

import ctypes
import json
import logging
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lookalike as la
from deadly import Deadly
from killing import HANGS, fresh_processes
from lookalike.errors import Interrupted, OptionError, ProcessLost
from lookalike.experiment import train_run
from lookalike.models import learners, new_model
from lookalike.noise import parse_noise
from lookalike.training import device
from lookalike.training.dealing import dealt
from lookalike.training.launching import _mapped
from lookalike.training.optimizer import POLYNOMIALS, orthogonal
from lookalike.training.place import ALONE, TELLTALE, Place, place_of
from lookalike.training.ranks import Several
from lookalike.training.recipe import Recipe
from pictures import waves
from rounding import rounding

IMAGES, BATCH, EPOCHS = 67, 16, 3
"""The last batch has three pictures: fewer than four processes, and no even number."""
STEPS = EPOCHS * -(-IMAGES // BATCH)
RATE = 0.05
GENTLE = Recipe(epochs=EPOCHS, batch_size=BATCH, learning_rate=RATE, epsilon=1.0, precision="float32")
"""With so large an epsilon a step is the gradient's mean, times the rate: no rounding is blown up by a division."""
RESULTS = ("encoder.safetensors", "decoder.safetensors", "model.json", "metrics.csv", "metrics.jsonl")
NOISE = parse_noise("gaussian:0.1")


def fit(run: Path | None = None, **training: Any) -> la.ConvAutoencoder:
    model = la.ConvAutoencoder(code_size=4, channels=(4, 4, 4), device="cpu")
    options = {"test": waves(30, 8, 8, seed=1), "recipe": GENTLE, "noise": NOISE, "progress": False, **training}
    return model.fit(waves(IMAGES, 8, 8), run=run, **options)


def results(run: Path) -> dict[str, bytes]:
    last = run / "checkpoints" / f"epoch-{EPOCHS:04d}.safetensors"
    return {name: (run / name).read_bytes() for name in RESULTS} | {"checkpoint": last.read_bytes()}


def furthest(one: la.ConvAutoencoder, other: la.ConvAutoencoder) -> float:
    pairs = zip(one.weights().values(), other.weights().values(), strict=True)
    return max(float(np.abs(first[name] - second[name]).max()) for first, second in pairs for name in first)


@pytest.fixture(scope="module", autouse=True)
def fresh() -> Iterator[ForkServerContext]:
    """Processes with all imported; one thread each, and as many cores as are asked for."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield fresh_processes()
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cores", lambda: 4)


@pytest.fixture(scope="module")
def alone() -> la.ConvAutoencoder:
    return fit()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, fresh: ForkServerContext) -> Callable[[int], Path]:
    """The run of a training by so many processes that nothing happened to."""
    made: dict[int, Path] = {}

    def of(processes: int) -> Path:
        if processes not in made:
            made[processes] = tmp_path_factory.mktemp("unbroken") / str(processes)
            fit(made[processes], devices=processes)
        return made[processes]

    return of


def test_the_parts_of_a_batch_make_its_gradient() -> None:
    """A mean of squares in float64, batches of 1 to 9 pictures, 1 to 5 processes."""
    weights = torch.randn(3, dtype=torch.float64, requires_grad=True)
    pictures = torch.randn(9, 3, dtype=torch.float64)
    for count in range(1, 10):
        whole = (pictures[:count] @ weights).square().mean()
        expected = torch.autograd.grad(whole, weights)[0]
        for size in range(1, 6):
            found, loss, seen = torch.zeros(3, dtype=torch.float64), 0.0, []
            for rank in range(size):
                process = Several.__new__(Several)
                process.place = Place(rank, size, rank, size)
                ((members, weight),) = process.parts([np.arange(count)])
                mean = (pictures[members] @ weights).square().mean()
                found += torch.autograd.grad(mean * weight, weights)[0] / size
                loss += float(mean.detach()) * weight / size
                seen += list(members) if weight else []
            assert sorted(seen) == list(range(count))
            torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-15)
            assert loss == pytest.approx(float(whole.detach()), rel=1e-13)


@pytest.mark.parametrize("processes", [2, 4])
def test_several_processes_make_the_steps_of_one(
    processes: int, alone: la.ConvAutoencoder, unbroken: Callable[[int], Path]
) -> None:
    """Gradients, below 1 in size, err by their sums' rounding; a step moves weights by at most the rate times that.

    What a step errs by is not blown up by those after it: rate times curvature stays far below 1.
    """
    model = la.load_model(unbroken(processes))
    bound = STEPS * RATE * rounding(model)
    assert furthest(model, alone) < bound
    untrained = la.ConvAutoencoder(code_size=4, channels=(4, 4, 4)).initialise((8, 8, 3))
    assert furthest(untrained, alone) > 100 * bound
    for own, other in zip(model.history_, alone.history_, strict=True):
        for curve in ("train_mse", "test_mse"):
            assert own[curve] == pytest.approx(other[curve], abs=rounding(model))
        assert own["learning_rate"] == other["learning_rate"]
    assert not torch.distributed.is_initialized()


def test_matrices_are_dealt_out_once_each_and_evenly() -> None:
    shapes = ((64, 576), (32, 288), (4, 4), (256, 1024), (128, 1152), (3, 27))
    for size in range(1, 8):
        hands = dealt(shapes, size)
        assert sorted(i for hand in hands for i in hand) == list(range(len(shapes)))
    costs = [rows * columns * min(rows, columns) for rows, columns in shapes]
    loads = [sum(costs[i] for i in hand) for hand in dealt(shapes, 2)]
    assert max(loads) == max(costs)  # the dearest costs more than all others: nothing is put on top of it


def each_of(rank: int, size: int, port: int, half: bool, path: Path) -> None:
    """One of several processes: what `Ranks.each` gives it, and what it finds on its own."""
    torch.distributed.init_process_group(init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=size)
    generator = torch.Generator().manual_seed(0)
    matrices = [torch.randn(shape, generator=generator) for shape in ((8, 30), (30, 8), (16, 16), (2, 3))]
    process = Several(Place(rank, size, rank, size))
    shared = process.each(lambda one: orthogonal(one, half=half), matrices, torch.bfloat16 if half else torch.float32)
    own = [orthogonal(one, half=half) for one in matrices]
    assert all(torch.equal(first, second) for first, second in zip(shared, own, strict=True))
    (path / f"{rank}").touch()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def codes(context: ForkServerContext, work: Callable[..., None], each: list[tuple[Any, ...]]) -> list[int | None]:
    """Let processes work side by side; their exit codes."""
    processes = [context.Process(target=work, args=arguments) for arguments in each]
    for process in processes:
        process.start()
    for process in processes:
        process.join(HANGS)
    left = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    return left


@pytest.mark.parametrize(("half", "size"), [(False, 3), (True, 2)])
def test_shared_orthogonalisation_is_that_of_one_process_to_the_bit(
    tmp_path: Path, fresh: ForkServerContext, half: bool, size: int
) -> None:
    port = free_port()
    assert codes(fresh, each_of, [(rank, size, port, half, tmp_path) for rank in range(size)]) == [0] * size
    assert len(list(tmp_path.iterdir())) == size


def test_muon_over_two_processes_makes_the_steps_of_one() -> None:
    """The polynomials blow up what a gradient errs by, relative to its size, by at most the product of their slopes."""
    recipe = Recipe(epochs=1, batch_size=BATCH, optimizer="muon", learning_rate=0.01, beta_1=0.5, precision="float32")
    one, two = (fit(recipe=recipe, devices=devices) for devices in (None, 2))
    slopes = float(np.prod([first for first, _, _ in POLYNOMIALS]))
    bound = -(-IMAGES // BATCH) * 0.01 * slopes * rounding(one)
    assert furthest(one, two) < bound
    untrained = la.ConvAutoencoder(code_size=4, channels=(4, 4, 4)).initialise((8, 8, 3))
    assert furthest(untrained, one) > 10 * bound


@pytest.mark.parametrize("processes", [2, 4])
def test_killed_process_ends_the_job_which_goes_on_to_the_bits_of_an_unbroken_one(
    tmp_path: Path, unbroken: Callable[[int], Path], processes: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The second process dies in the second epoch; the other notices, and no process is left."""
    run, armed = tmp_path / "run", tmp_path / "armed"
    armed.touch()
    noise = Deadly(NOISE, armed, rank=1, at=IMAGES // processes + BATCH)
    before = set(multiprocessing.active_children())
    gone = f"process 1 of {processes} was ended by SIGKILL.*run holds the checkpoint after epoch 1: add --resume"
    with pytest.raises(ProcessLost, match=gone):
        fit(run, noise=noise, devices=processes)
    assert not armed.exists()
    assert set(multiprocessing.active_children()) <= before
    if processes == 2:
        shutil.copytree(run, tmp_path / "alone")
        with caplog.at_level(logging.WARNING):
            single = fit(tmp_path / "alone", noise=noise, resume=True)
        assert "processes 2 -> 1" in caplog.text
        assert furthest(single, la.load_model(unbroken(2))) < STEPS * RATE * rounding(single)
    fit(run, noise=noise, devices=processes, resume=True)
    assert results(run) == results(unbroken(processes))


def test_a_wish_to_stop_reaches_all_between_two_steps(tmp_path: Path, unbroken: Callable[[int], Path]) -> None:
    run, armed = tmp_path / "run", tmp_path / "armed"
    armed.touch()
    noise = Deadly(NOISE, armed, rank=0, at=IMAGES // 2 + BATCH, does="stop")
    with pytest.raises(Interrupted, match=r"stopped in epoch \d after \d steps; all is saved in .*run: add --resume"):
        fit(run, noise=noise, devices=2)
    fit(run, noise=noise, devices=2, resume=True)
    assert results(run) == results(unbroken(2))


def by_hand(rank: int, port: int, run: Path, resume: bool = False, dies: Path | None = None, inside: str = "") -> None:
    """One of two processes that somebody started, as Kubernetes does; within that network namespace, if any."""
    address = "127.0.0.1"
    if inside:
        enter_namespace(inside)
        address = ADDRESSES[0]
        os.environ["GLOO_SOCKET_IFNAME"] = CABLE[rank]
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR=address, MASTER_PORT=str(port))
    torch.set_num_threads(1)
    noise = NOISE if dies is None else Deadly(NOISE, dies, rank=1, at=IMAGES // 2 + BATCH)
    try:
        model = fit(run, resume=resume, noise=noise)
    except ProcessLost as error:
        sys.exit(7 if "no longer hear each other" in str(error) else 1)
    assert furthest(model, la.load_model(run)) == 0 or rank == 1


def test_two_processes_started_from_outside(
    tmp_path: Path, fresh: ForkServerContext, unbroken: Callable[[int], Path]
) -> None:
    """What a death leaves of them, and that they go on to the bits of two that were started here."""
    run, armed = tmp_path / "run", tmp_path / "armed"
    armed.touch()
    port = free_port()
    assert codes(fresh, by_hand, [(rank, port, run, False, armed) for rank in (0, 1)]) == [7, -9]
    port = free_port()
    assert codes(fresh, by_hand, [(rank, port, run, True) for rank in (0, 1)]) == [0, 0]
    assert results(run) == results(unbroken(2))


def command(rank: int, port: int, out: Path, *words: str) -> None:
    """The command line as one of two processes, with what it says in files."""
    from lookalike import cli

    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(out / f"{rank}.{name}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC), number)
    local = {"LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": "2"}
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), **local)
    os.environ["LOOKALIKE_CACHE"] = str(out / "cache")
    sys.argv = ["lookalike", *words]
    cli.main()


def test_of_two_commands_the_first_one_says_what_came_of_it(tmp_path: Path, fresh: ForkServerContext) -> None:
    words = ["train", "synthetic:40", "--run", str(tmp_path / "run"), "--size", "16", "--epochs", "1", "--json"]
    words += ["--set", "channels=4,4,4", "--code", "4"]
    port = free_port()
    assert codes(fresh, command, [(rank, port, tmp_path, *words) for rank in (0, 1)]) == [0, 0]
    told = json.loads((tmp_path / "0.out").read_text())
    assert told["epochs"] == 1
    assert (tmp_path / "1.out").read_text() == ""
    begun = json.loads((tmp_path / "run" / "config.json").read_text())["environment"]
    assert begun["processes"] == 2
    assert len(list((tmp_path / "cache").glob("*/pixels.bin"))) == 1

    port = free_port()
    assert codes(fresh, command, [(rank, port, tmp_path, *words) for rank in (0, 1)]) == [2, 2]
    (line,) = (tmp_path / "0.err").read_text().splitlines()
    assert "already holds a training" in line
    assert (tmp_path / "1.err").read_text() == ""


ADDRESSES = ("10.83.71.1", "10.83.71.2")
CABLE = ("lookalike0", "lookalike1")
NAMESPACES = ("lookalike-test-0", "lookalike-test-1")


def enter_namespace(name: str) -> None:
    handle = os.open(f"/run/netns/{name}", os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(handle, 0x40000000):
        raise OSError(ctypes.get_errno(), "setns")
    os.close(handle)


@pytest.fixture
def two_hosts() -> Iterator[None]:
    """Two network namespaces with a cable between them."""

    def ip(*words: str) -> bool:
        try:
            return subprocess.run(["ip", *words], capture_output=True, check=False).returncode == 0
        except OSError:
            return False

    def leave() -> None:
        for name in NAMESPACES:
            ip("netns", "del", name)

    leave()
    done = all(ip("netns", "add", name) for name in NAMESPACES)
    done = done and ip("link", "add", CABLE[0], "type", "veth", "peer", "name", CABLE[1])
    for name, end, address in zip(NAMESPACES, CABLE, ADDRESSES, strict=True):
        done = done and ip("link", "set", end, "netns", name)
        done = done and ip("-n", name, "address", "add", f"{address}/24", "dev", end)
        done = done and ip("-n", name, "link", "set", end, "up") and ip("-n", name, "link", "set", "lo", "up")
    if not done:
        leave()
        pytest.skip("network namespaces cannot be made here")
    yield
    leave()


def test_two_hosts(tmp_path: Path, fresh: ForkServerContext, two_hosts: None, unbroken: Callable[[int], Path]) -> None:
    port = free_port()
    each = [(rank, port, tmp_path / "run", False, None, name) for rank, name in enumerate(NAMESPACES)]
    assert codes(fresh, by_hand, each) == [0, 0]
    assert results(tmp_path / "run") == results(unbroken(2))


@pytest.fixture
def _nothing_started(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*TELLTALE, "LOCAL_RANK", "LOCAL_WORLD_SIZE", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)


STARTERS = {
    "torchrun": (
        {"TORCHELASTIC_RUN_ID": "a", "RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"},
        Place(5, 8, 1, 4),
    ),
    "SLURM": (
        {"SLURM_NTASKS": "6", "SLURM_PROCID": "4", "SLURM_LOCALID": "0", "SLURM_NTASKS_PER_NODE": "2"},
        Place(4, 6, 0, 2),
    ),
    "Kubernetes": (
        {"RANK": "2", "WORLD_SIZE": "3", "MASTER_ADDR": "job-0", "MASTER_PORT": "1"},
        Place(2, 3, 0, 1),
    ),
    "SLURM, one task": ({"SLURM_NTASKS": "1", "SLURM_PROCID": "0"}, ALONE),
    "nothing": ({}, ALONE),
}


@pytest.mark.usefixtures("_nothing_started")
@pytest.mark.parametrize("starter", STARTERS)
def test_what_started_the_processes_is_found(monkeypatch: pytest.MonkeyPatch, starter: str) -> None:
    variables, expected = STARTERS[starter]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert place_of() == expected


@pytest.mark.usefixtures("_nothing_started")
def test_machines_that_a_person_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="nodes is 2, but NODE_RANK, MASTER_ADDR, MASTER_PORT is not set; set"):
        place_of(2, 2)
    for name, value in (("NODE_RANK", "1"), ("MASTER_ADDR", "first"), ("MASTER_PORT", "1")):
        monkeypatch.setenv(name, value)
    assert place_of(4, 2) == Place(4, 8, 0, 4, to_start=True)
    monkeypatch.setenv("NODE_RANK", "2")
    with pytest.raises(OptionError, match="NODE_RANK is 2; of 2 nodes give 0 to 1"):
        place_of(4, 2)


@pytest.mark.usefixtures("_nothing_started")
def test_bad_numbers_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="devices is 0; give 1 or more"):
        fit(devices=0)
    with pytest.raises(OptionError, match="devices is 5, but this machine has 4 processor cores; give at most 4"):
        fit(devices=5)
    with pytest.raises(OptionError, match="batches of 2 pictures cannot be shared by 3 processes; give at most 2"):
        fit(devices=3, recipe=Recipe(epochs=1, batch_size=2))
    with pytest.raises(OptionError, match="devices: a closed form does not train in epochs"):
        train_run(la.PCAAutoencoder(2), la.ImageSet(waves(40, 8, 8)), tmp_path / "pca", devices=2)
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "3"), ("MASTER_ADDR", "first"), ("MASTER_PORT", "1")):
        monkeypatch.setenv(name, value)
    with pytest.raises(OptionError, match="3 processes were started, but pca is fitted by one, in closed form"):
        train_run(la.PCAAutoencoder(2), la.ImageSet(waves(40, 8, 8)), tmp_path / "pca")
    with pytest.raises(OptionError, match="3 processes were started, but devices is 2 and nodes is 1; give numbers"):
        place_of(2)


def test_no_network_depends_on_who_else_is_in_its_batch() -> None:
    """A batch normalisation would: over parts of a batch it takes other means than over the whole."""
    from torch.nn.modules.batchnorm import _BatchNorm

    for name in (name for name, kind in learners().items() if kind.recipe):
        model = new_model(name, code_size=3) if learners()[name].code_size else new_model(name)
        network = getattr(model.initialise((16, 16, 3)), "network_", None)
        assert network is None or not any(isinstance(module, _BatchNorm) for module in network.modules())


def test_pictures_that_lie_in_a_file_are_read_from_there(tmp_path: Path) -> None:
    np.save(tmp_path / "pictures.npy", waves(10, 8, 8))
    whole = np.load(tmp_path / "pictures.npy", mmap_mode="r")
    part = np.asarray(whole)[3:7]
    mapped = _mapped(part, tmp_path / "copy")
    assert Path(mapped.path) == tmp_path / "pictures.npy"
    np.testing.assert_array_equal(mapped.opened(), waves(10, 8, 8)[3:7])
    for other in (part[:, ::2], part.copy()):
        mapped = _mapped(other, tmp_path / "copy")
        assert Path(mapped.path) == tmp_path / "copy"
        np.testing.assert_array_equal(mapped.opened(), other)
