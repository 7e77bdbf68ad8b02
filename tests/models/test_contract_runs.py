"""The contract over every model, as a run and as files: killed and resumed to the same bits, and exported."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import lookalike as la
from contract import AT_ONCE, CASES, CODED, IN_EPOCHS
from lookalike import files
from lookalike.errors import Interrupted, OptionError, RunError
from lookalike.interop.keras_export import KINDS as KERAS_KINDS
from lookalike.models import new_model
from lookalike.models.base import Autoencoder
from lookalike.pixels import centre
from lookalike.training.batches import Batches
from lookalike.training.recipe import named_recipe
from lookalike.training.run import checkpoint_paths
from pictures import waves

# Keras itself hands its variables to NumPy 2 in a way that NumPy warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

PICTURES = waves(80, 16, 16)
STEPS = 3
"""Of 32 pictures, in an epoch."""
MODEL = ("encoder.safetensors", "decoder.safetensors", "model.json")
RESULTS = (*MODEL, "metrics.csv", "metrics.jsonl", "loss.png", "checkpoints/epoch-0002.safetensors")


class Killed(BaseException):
    """As a kill: nothing in the package may catch it and save."""


def bits(run: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in names}


def strike(monkeypatch: pytest.MonkeyPatch, at: int, how: str) -> None:
    """Before step `at`, counted from 1 over all epochs: kill, or ask to stop, which is granted after that step."""
    taken, steps = Batches.pictures, []

    def counted(*arguments):  # type: ignore[no-untyped-def]
        steps.append(1)
        if len(steps) == at and how == "killed":
            raise Killed
        if len(steps) == at:
            signal.raise_signal(signal.SIGTERM)
        return taken(*arguments)

    monkeypatch.setattr(Batches, "pictures", counted)


MOMENTS = {
    "stopped after a step": ("stopped", STEPS + 2, "epoch-0001-step-000002"),
    "stopped after an epoch": ("stopped", STEPS, "epoch-0000-step-000003"),
    "killed after a step": ("killed", STEPS + 2, "epoch-0001"),
    "killed after an epoch": ("killed", STEPS + 1, "epoch-0001"),
}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """By name of the case, what a training of two epochs leaves."""
    left = {}
    for name in IN_EPOCHS:
        run = tmp_path_factory.mktemp("run")
        fit(name, run)
        left[name] = bits(run, RESULTS)
    return left


def fit(name: str, run: Path, *, resume: bool = False) -> Autoencoder:
    return CASES[name].fit(PICTURES, epochs=2, test=waves(8, 16, 16, seed=1), run=run, resume=resume)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", IN_EPOCHS)
def test_interrupted_and_resumed_it_ends_with_the_same_bits(
    name: str,
    moment: str,
    unbroken: dict[str, dict[str, bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    how, step, last = MOMENTS[moment]
    strike(monkeypatch, step, how)
    with pytest.raises(Killed if how == "killed" else Interrupted):
        fit(name, tmp_path / "run")
    monkeypatch.undo()
    checkpoints = [path.stem for path in checkpoint_paths(tmp_path / "run")]
    assert checkpoints[0] == last
    assert la.load_model(tmp_path / "run").reconstruct(PICTURES[:2]).shape == (2, 16, 16, 3)  # a model already
    fit(name, tmp_path / "run", resume=True)
    assert bits(tmp_path / "run", RESULTS) == unbroken[name]


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("name", AT_ONCE)
def test_a_closed_form_killed_while_it_is_kept_ends_with_the_same_bits(
    name: str, at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first, the second and the third of the model's files."""
    CASES[name].fit(PICTURES, run=tmp_path / "unbroken")
    write, written = files.write_bytes, []

    def dying(path: Path, content: bytes) -> None:
        written.append(path.name in MODEL)
        if sum(written) == at and written[-1]:
            raise Killed
        write(path, content)

    monkeypatch.setattr(files, "write_bytes", dying)
    with pytest.raises(Killed):
        CASES[name].fit(PICTURES, run=tmp_path / "run")
    monkeypatch.undo()
    with pytest.raises(RunError):
        la.load_model(tmp_path / "run")
    CASES[name].fit(PICTURES, run=tmp_path / "run", resume=True)
    assert bits(tmp_path / "run", MODEL) == bits(tmp_path / "unbroken", MODEL)


@pytest.mark.parametrize("name", CASES)
def test_a_run_is_resumed_as_it_was_begun_or_refused(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    case.fit(PICTURES, run=tmp_path)
    with pytest.raises(RunError, match="already holds a training"):
        case.fit(PICTURES, run=tmp_path)
    with pytest.raises(RunError, match=r"data\.digest was \w+, is now \w+"):
        case.fit(waves(80, 16, 16, seed=5), run=tmp_path, resume=True)
    if name in CODED:
        with pytest.raises(RunError, match=r"model\.parameters\.code_size was 5, is now 4"):
            case.fit(PICTURES, model=case.new(code_size=4), run=tmp_path, resume=True)


NETWORKS = [name for name in IN_EPOCHS if CASES[name].kind != "pca"]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_training_begins_with_the_weights_of_another_and_remembers_whose(name: str, tmp_path: Path) -> None:
    case, known = CASES[name], waves(80, 16, 16, seed=5)
    start = case.fit(known)
    recipe = replace(named_recipe(case.recipe or "course"), learning_rate=1e-9, vector_rate=1e-9, epochs=1)

    def fitted(**options: object) -> Autoencoder:
        return case.fit(known, model=case.new(seed=7), recipe=recipe, run=tmp_path, **options)

    model = fitted(begin_with=start)
    for side, tensors in start._weights().items():
        for tensor, given in tensors.items():
            np.testing.assert_allclose(model._weights()[side][tensor], given, atol=1e-5)
    assert la.load_model(tmp_path).data_["begun_with"] == {"kind": start.kind, "digest": start.digest}
    fitted(begin_with=start, resume=True)
    with pytest.raises(RunError, match=r"data\.begun_with was .*, is now not given"):
        fitted(resume=True)


def test_from_other_weights_a_named_recipe_takes_steps_a_fifth_as_long(tmp_path: Path) -> None:
    case = CASES["conv"]
    start, rates = case.fit(PICTURES), []
    own = replace(named_recipe("course"), epochs=1)
    for number, (recipe, begin) in enumerate([("course", None), ("course", start), (own, start)]):
        case.fit(PICTURES, recipe=recipe, begin_with=begin, run=tmp_path / str(number))
        rates.append(json.loads((tmp_path / str(number) / "config.json").read_text())["recipe"]["learning_rate"])
    assert rates == [0.002, pytest.approx(0.0004), 0.002]


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_that_do_not_fit_are_named(name: str) -> None:
    case = CASES[name]
    other = case.new(**({"code_size": 3} if case.has_code else {"width": 6})).initialise((16, 16, 3))
    with pytest.raises(OptionError, match=r"begin with are of another form \(.*(code_size 3|width 6)"):
        case.fit(PICTURES, begin_with=other)
    unlike = new_model("unet" if other.kind == "conv" else "conv").initialise((16, 16, 3))
    with pytest.raises(OptionError, match=f"training of {other.kind} cannot begin with {unlike.kind}"):
        case.fit(PICTURES, begin_with=unlike)
    with pytest.raises(OptionError, match="pca begins with weights of its own"):
        CASES["pca by gradient"].fit(PICTURES, begin_with=other)


@pytest.mark.parametrize("name", ["pca", "search"])
def test_a_training_that_was_refused_leaves_the_folder_free(name: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="code size"):
        new_model(name, code_size=10_000).fit(PICTURES, run=tmp_path / "run")
    new_model(name, code_size=4).fit(PICTURES, run=tmp_path / "run")
    with pytest.raises(RunError, match="already holds a training"):
        new_model(name, code_size=10_000).fit(PICTURES, run=tmp_path / "run")
    assert la.load_model(tmp_path / "run").code_size == 4


# Exports


def saved(name: str, folder: Path) -> Autoencoder:
    model = CASES[name].fit(PICTURES)
    model.save(folder)
    return model


@pytest.mark.parametrize("name", CASES)
def test_export_onnx(call, name: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    model = saved(name, tmp_path / "run")
    told = call("export", tmp_path / "run", "--format", "onnx", "--out", tmp_path / "out", "--json").json
    assert told["max_abs_difference"] < 1e-5
    pictures = waves(3, 16, 16, seed=1)
    given = {"pictures": np.ascontiguousarray(centre(pictures).transpose(0, 3, 1, 2))}
    expected = model.reconstruct(pictures).transpose(0, 3, 1, 2)
    sides = ["encoder.onnx", "decoder.onnx"] if model.has_code else ["denoiser.onnx"]
    assert told["files"] == [str(tmp_path / "out" / side) for side in sides]
    if not model.has_code:
        given["levels"] = np.full(3, -1, np.float32)
    for side in sides:
        session = onnxruntime.InferenceSession(tmp_path / "out" / side, providers=["CPUExecutionProvider"])
        given = dict(zip([one.name for one in session.get_outputs()], session.run(None, given), strict=True))
        if side == "encoder.onnx":
            np.testing.assert_allclose(given["codes"], model.encode(pictures), atol=2e-5)
    np.testing.assert_allclose(next(iter(given.values())), expected, atol=2e-5)


@pytest.mark.parametrize("name", CASES)
def test_export_keras_or_say_what_to_take_instead(call, name: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    model = saved(name, tmp_path / "run")
    outcome = call("export", tmp_path / "run", "--format", "keras", "--out", tmp_path / "out", "--json")
    if model.kind not in KERAS_KINDS:
        assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
        assert f"{model.kind} has parts that Keras has no layers for; export it with --format onnx" in outcome.err
        assert not (tmp_path / "out").exists()
        return
    assert outcome.json["max_abs_difference"] < 1e-5
    # Weights alone say nothing of activations; those of the notebook's networks are known.
    for suffix in ("keras",) if model.kind == "dense" else ("keras", "h5"):
        sides = [tmp_path / "out" / f"{side}.{suffix}" for side in ("encoder", "decoder")]
        call("import", *sides, "--run", tmp_path / suffix, "--size", 16, "--json").json  # noqa: B018
        back = la.load_model(tmp_path / suffix)
        np.testing.assert_allclose(back.reconstruct(PICTURES), model.reconstruct(PICTURES), atol=1e-5)
