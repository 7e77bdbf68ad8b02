"""The loop: its optimiser, its randomness, its curves, and what stops it."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import lookalike as la
from lookalike.errors import Interrupted, OptionError, RunError, TrainingDiverged
from lookalike.run_files import CHECKPOINTS, CONFIG
from lookalike.training.batches import Batches, Places
from lookalike.training.optimizer import KerasAdamax
from lookalike.training.recipe import Recipe, named_recipe
from lookalike.training.run import WRITTEN, checkpoint_paths
from pictures import waves

SMALL = {"code_size": 4, "channels": (4, 4, 4, 4), "device": "cpu"}
PICTURES = waves(96, 16, 16)


def fit(
    run: Path | None = None, seed: int = 0, pictures: np.ndarray = PICTURES, **training: object
) -> la.ConvAutoencoder:
    options = {"epochs": 2, "progress": False, **training}
    return la.ConvAutoencoder(**SMALL, seed=seed).fit(pictures, run=run, **options)


def test_adamax_by_hand() -> None:
    """Three steps of Kingma and Ba's algorithm 2, with epsilon where Keras has it."""
    gradients = np.array([[1.0, -2.0, 0.0], [0.5, 4.0, 0.0], [-3.0, 0.1, 1e-9]])
    parameter = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
    optimizer = KerasAdamax([parameter])
    m, u, p = np.zeros(3), np.zeros(3), np.zeros(3)
    for t, gradient in enumerate(gradients, 1):
        parameter.grad = torch.from_numpy(gradient)
        optimizer.step()
        m = 0.9 * m + 0.1 * gradient
        u = np.maximum(0.999 * u, np.abs(gradient))
        p -= 0.002 / (1 - 0.9**t) * m / (u + 1e-7)
        np.testing.assert_allclose(parameter.detach().numpy(), p, rtol=1e-12)


def test_the_course_recipe_is_the_notebooks() -> None:
    recipe = named_recipe("course")
    assert (recipe.epochs, recipe.batch_size, recipe.optimizer, recipe.schedule) == (25, 32, "adamax", "constant")
    assert (recipe.learning_rate, recipe.beta_1, recipe.beta_2, recipe.epsilon) == (0.002, 0.9, 0.999, 1e-7)
    assert not recipe.flips


def test_all_bad_settings_are_named_at_once() -> None:
    with pytest.raises(OptionError, match=r"epochs is 0; .*batch size is -1; .*learning rate is nan; .*beta_1 is 1"):
        Recipe(epochs=0, batch_size=-1, learning_rate=float("nan"), beta_1=1.0)
    with pytest.raises(OptionError, match="'slow' is unknown; give one of course"):
        fit(recipe="slow")


def test_training_reduces_the_error_on_pictures_never_seen() -> None:
    """Flat pictures of one random colour: three numbers say all, and a code of four must learn to carry them."""
    colours = np.random.default_rng(0).integers(0, 256, (600, 1, 1, 3), np.uint8)
    train, test = np.split(np.broadcast_to(colours, (600, 16, 16, 3)), [540])
    recipe = Recipe(epochs=25, learning_rate=0.01)
    model = la.ConvAutoencoder(4, channels=(8, 8), device="cpu").fit(train, test=test, recipe=recipe, progress=False)
    curve = [entry["test_mse"] for entry in model.history_]
    assert curve[-1] < 0.1 * float((test / 255).var())
    assert -model.score(test) == pytest.approx(curve[-1], rel=1e-5)


def test_history_weighs_the_last_short_batch_by_its_size() -> None:
    """One epoch at a rate too small to move the weights: the mean over batches is then the MSE of the set."""
    pictures = waves(33, 16, 16)
    pictures[5:] = 128
    still = Recipe(epochs=1, batch_size=32, learning_rate=1e-30)
    model = fit(recipe=still, pictures=pictures, epochs=1)
    assert model.history_[0]["train_mse"] == pytest.approx(-model.score(pictures), rel=1e-5)


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    first, again, other = fit(noise="gaussian:0.1"), fit(noise="gaussian:0.1"), fit(seed=1, noise="gaussian:0.1")
    assert first.history_ == again.history_
    for name, tensor in first.weights()["encoder"].items():
        np.testing.assert_array_equal(tensor, again.weights()["encoder"][name])
    assert first.history_ != other.history_


def test_noise_changes_the_training_and_curves_do_not() -> None:
    plain = fit()
    assert fit(noise="gaussian:0.1").history_ != plain.history_
    watched = fit(validation=waves(20, 16, 16, seed=2), test=waves(20, 16, 16, seed=3))
    assert [entry["train_mse"] for entry in watched.history_] == [entry["train_mse"] for entry in plain.history_]


def test_a_diverging_loss_names_epoch_step_and_rate(tmp_path: Path) -> None:
    wild = Recipe(epochs=3, learning_rate=1e30)
    with pytest.raises(TrainingDiverged, match=r"(nan|inf) at epoch 1, step [23], learning rate 1e\+30; no checkpoint"):
        fit(tmp_path / "run", recipe=wild, epochs=None)
    assert checkpoint_paths(tmp_path / "run") == []


def test_divergence_leaves_the_last_good_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Batches.pictures

    def poisoned(shown: Batches, members: Places) -> tuple[Tensor, Tensor]:
        clean, given = taken(shown, members)
        return (clean * float("nan") if shown.epoch.number == 3 else clean), given

    monkeypatch.setattr(Batches, "pictures", poisoned)
    with pytest.raises(TrainingDiverged, match=r"nan at epoch 3, step 1, .*checkpoint after epoch 2 in .* is good"):
        fit(tmp_path / "run", epochs=5)
    monkeypatch.undo()
    assert fit(tmp_path / "run", epochs=5, resume=True).history_ == fit(epochs=5).history_


def test_what_a_run_holds(tmp_path: Path) -> None:
    run = tmp_path / "run"
    model = fit(run, epochs=6, validation=waves(20, 16, 16, seed=2))
    best = min(model.history_, key=lambda entry: entry["validation_mse"])["epoch"]
    kept = {path.name for path in checkpoint_paths(run)}
    assert kept == {f"epoch-{epoch:04d}.safetensors" for epoch in {best, 4, 5, 6}}
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert rows == model.history_
    table = (run / "metrics.csv").read_text().splitlines()
    assert table[0] == "epoch,train_mse,validation_mse,test_mse,learning_rate"
    assert [float(line.split(",")[1]) for line in table[1:]] == [row["train_mse"] for row in rows]
    assert (run / "loss.png").read_bytes()[:4] == b"\x89PNG"
    config = json.loads((run / "config.json").read_text())
    assert config["data"]["digest"] == la.ImageSet(PICTURES).digest
    assert config["recipe"]["epochs"] == 6
    assert config["model"]["parameters"]["seed"] == 0
    assert {"torch", "lookalike", "python", "threads", "device", "git_revision"} <= config["environment"].keys()
    assert la.load_model(run).history_ == model.history_


DIFFERENCES = {
    "pictures": ({"pictures": waves(96, 16, 16, seed=5)}, r"data\.digest was \w+, is now \w+"),
    "seed": ({"seed": 1}, r"model\.parameters\.seed was 0, is now 1"),
    "noise": ({"noise": "gaussian:0.1"}, r"noise was not given, is now gaussian:0\.1"),
    "rate": ({"recipe": Recipe(epochs=2, learning_rate=0.1)}, r"recipe\.learning_rate was 0\.002, is now 0\.1"),
    "fewer epochs": ({"epochs": 1}, r"epochs is 1, but 2 are done"),
}


@pytest.mark.parametrize("difference", DIFFERENCES)
def test_resuming_something_else_is_refused_by_name(tmp_path: Path, difference: str) -> None:
    changes, message = DIFFERENCES[difference]
    fit(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"}
    with pytest.raises((RunError, OptionError), match=message):
        fit(tmp_path, resume=True, **changes)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_run_is_not_overwritten(tmp_path: Path) -> None:
    fit(tmp_path / "run")
    with pytest.raises(RunError, match=r"already holds a training \(2 of 2 epochs done\); add --resume"):
        fit(tmp_path / "run")
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(RunError, match="is a file"):
        fit(file)
    with pytest.raises(OptionError, match="resume=True needs the run"):
        fit(resume=True)
    fit().save(tmp_path / "model")
    with pytest.raises(RunError, match=r"already holds model.json, which a new run would write over"):
        fit(tmp_path / "model", resume=True)


@pytest.mark.parametrize("name", WRITTEN)
def test_files_of_a_person_are_not_overwritten(tmp_path: Path, name: str) -> None:
    mine = tmp_path / name / "mine.txt" if name == CHECKPOINTS else tmp_path / name
    for path in (mine, tmp_path / ".draft.tmp"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"{}")
    said = "was begun differently" if name == CONFIG else f"already holds {name}, which a new run would write over"
    for resume in (False, True):
        with pytest.raises(RunError, match=said if resume else "already holds"):
            fit(tmp_path, resume=resume)
        assert (mine.read_bytes(), (tmp_path / ".draft.tmp").read_bytes()) == (b"{}", b"{}")


def test_a_longer_training_goes_on(tmp_path: Path) -> None:
    fit(tmp_path, epochs=2)
    longer = fit(tmp_path, epochs=4, resume=True)
    straight = fit(epochs=4)
    assert longer.history_ == straight.history_
    np.testing.assert_array_equal(longer.encode(PICTURES), straight.encode(PICTURES))


def test_one_process_at_a_time(tmp_path: Path) -> None:
    from lookalike.training.run import Run

    config = {"model": {}, "data": {}, "recipe": None, "noise": None, "curves": {}}
    with Run(tmp_path, config, resume=False), pytest.raises(RunError, match="another process trains"):
        Run(tmp_path, config, resume=True).__enter__()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_the_middle_of_an_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    taken, steps = Batches.pictures, []

    def counted(*arguments):  # type: ignore[no-untyped-def]
        steps.append(1)
        if len(steps) == 5:  # three steps an epoch: the second one of the second epoch
            signal.raise_signal(number)
        return taken(*arguments)

    before = signal.getsignal(number)
    monkeypatch.setattr(Batches, "pictures", counted)
    with pytest.raises(Interrupted, match="stopped in epoch 2 after 2 steps; all is saved"):
        fit(tmp_path / "run", epochs=3)
    monkeypatch.undo()
    assert signal.getsignal(number) == before
    assert checkpoint_paths(tmp_path / "run")[0].name == "epoch-0001-step-000002.safetensors"
    resumed = fit(tmp_path / "run", epochs=3, resume=True)
    straight = fit(epochs=3)
    assert resumed.history_ == straight.history_
    np.testing.assert_array_equal(resumed.encode(PICTURES), straight.encode(PICTURES))
    assert not list((tmp_path / "run" / "checkpoints").glob("*step*"))


def test_training_works_outside_the_main_thread() -> None:
    found: list[float] = []
    thread = threading.Thread(target=lambda: found.append(fit().history_[-1]["train_mse"]))
    thread.start()
    thread.join()
    assert found == [fit().history_[-1]["train_mse"]]


def test_an_unfinished_run_gives_its_last_state(tmp_path: Path) -> None:
    fit(tmp_path / "run", epochs=3)
    for name in ("model.json", "encoder.safetensors", "decoder.safetensors"):
        (tmp_path / "run" / name).unlink()
    model = la.load_model(tmp_path / "run")
    np.testing.assert_array_equal(model.encode(PICTURES), fit(epochs=3).encode(PICTURES))
    assert len(model.history_) == 3


def test_a_damaged_last_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    fit(run, epochs=3)
    last = checkpoint_paths(run)[0]
    last.write_bytes(last.read_bytes()[:100])
    assert fit(run, epochs=3, resume=True).history_ == fit(epochs=3).history_
    assert f"checkpoint {last} is damaged" in caplog.text
    assert "passed over for epoch-0002.safetensors, the one before" in caplog.text
    assert "delete" not in caplog.text  # nothing need be done about it


def test_a_model_comes_from_the_last_checkpoint_that_can_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    fit(run, epochs=3)
    for name in ("model.json", "encoder.safetensors", "decoder.safetensors"):
        (run / name).unlink()
    last = checkpoint_paths(run)[0]
    last.write_bytes(last.read_bytes()[:-1])
    assert len(la.load_model(run).history_) == 2
    assert "passed over for epoch-0002.safetensors" in caplog.text
    for path in checkpoint_paths(run):
        path.write_bytes(b"")
    with pytest.raises(RunError):
        la.load_model(run)
    assert "there is none before it" in caplog.text


def test_progress_goes_to_stderr_as_lines(capsys: pytest.CaptureFixture[str]) -> None:
    fit(progress=True, test=waves(8, 16, 16))
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch   1/2  mse: train 0.0")
    assert "test 0.0" in lines[1]


def test_time_is_kept_apart_from_metrics(tmp_path: Path) -> None:
    started = time.perf_counter()
    fit(tmp_path)
    wall = time.perf_counter() - started
    rows = [json.loads(line) for line in (tmp_path / "timings.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert [row["images"] for row in rows] == [96, 96]
    assert 0 < sum(row["seconds"] for row in rows) < wall
