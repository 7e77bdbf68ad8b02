"""Model cards: what they say is true by independent figures, and a machine reads what a person does."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

import lookalike as la
from contract import SMALL
from lookalike.models import KINDS, learners
from lookalike.noise import EVALUATION_EPOCH, corrupt, parse_noise
from lookalike.report import card
from lookalike.report.front_matter import front_matter, model_index
from pictures import waves

DATA, SIZE, CODE = "synthetic:90", 16, 4
NAMES = tuple(learners())


def train(call, run: Path, name: str = "pca", data: object = DATA, *options: object) -> dict:  # type: ignore[no-untyped-def]
    command = ["train", data, "--run", run, "--model", name, "--size", SIZE, "--json", *options]
    if KINDS[name].code_size is not None:
        command += ["--code", CODE]
    if name not in ("pca", "search") and "--epochs" not in options:
        command += ["--epochs", 1]
    for parameter, value in SMALL.get(name, {}).items():
        command += ["--set", f"{parameter}={','.join(map(str, value)) if isinstance(value, tuple) else value}"]
    return call(*command).json


def read(lines: list[str]) -> object:
    """The YAML of a card: blocks of mappings and sequences, and scalars as JSON or plain words."""

    def scalar(text: str) -> object:
        is_word = re.fullmatch(r"[a-z][a-z0-9_-]*", text) and text not in ("null", "true", "false")
        return text if is_word else json.loads(text)

    def indent(line: str) -> int:
        return len(line) - len(line.lstrip())

    if lines[0].lstrip().startswith("- "):
        items, depth = [], indent(lines[0])
        for line in lines:
            if indent(line) == depth:
                items.append([" " * (depth + 2) + line[depth + 2 :]])
            else:
                items[-1].append(line)
        return [read(item) if re.match(r" *[\w-]+:( |$)", item[0]) else scalar(item[0].strip()) for item in items]
    result: dict[str, object] = {}
    depth, at = indent(lines[0]), 0
    while at < len(lines):
        key, _, rest = lines[at].strip().partition(":")
        inner = at + 1
        while inner < len(lines) and indent(lines[inner]) > depth:
            inner += 1
        result[key] = scalar(rest.strip()) if rest else read(lines[at + 1 : inner])
        at = inner
    return result


def parts(path: Path) -> tuple[dict, str]:
    """What a card tells machines, and what it tells people."""
    _, front, text = path.read_text().split("---\n", 2)
    facts = read(front.splitlines())
    if find_spec("yaml"):
        import yaml

        assert yaml.safe_load(front) == facts
    assert isinstance(facts, dict)
    return facts, text


def centred(pictures: np.ndarray) -> np.ndarray:
    return pictures.astype(np.float64) / 255 - 0.5


@pytest.mark.parametrize("name", NAMES)
def test_a_card_of_every_kind_is_true(call, name: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run = tmp_path / "my run"
    told = train(call, run, name, DATA, "--validation", 0.2, "--seed", 3)
    assert told["card"] == str(run / "card.md")
    facts, text = parts(run / "card.md")
    own, model = KINDS[name], la.load_model(run)
    kind = "conv" if name == "denoiser" else name

    # The pictures: the same split by scikit-learn, digests by hashlib
    faces = la.load(DATA, size=SIZE).pixels
    rest, test = train_test_split(faces, test_size=0.1, random_state=42)
    learned, held_out = train_test_split(rest, test_size=0.2, random_state=42)
    digest = hashlib.sha256(repr(learned.shape).encode() + learned.tobytes()).hexdigest()
    data = facts["lookalike"]["data"]
    assert (data["source"], data["size"], data["digest"]) == (DATA, [SIZE, SIZE], digest)
    counts = (len(learned), len(held_out), len(test))
    assert (data["images"], data["validation_images"], data["test_images"]) == counts == (64, 17, 9)
    assert "| pictures | 64 for training, 17 for validation, 9 for the test |" in text
    assert f"`{digest}`" in text

    # The model
    sides = [load_file(run / f"{side}.safetensors") for side in ("encoder", "decoder")]
    weights = sum(tensor.size for side in sides for tensor in side.values())
    known = facts["lookalike"]
    assert (known["kind"], known["weights"], known["digest"]) == (kind, weights, model.digest)
    assert known["code_size"] == (None if own.code_size is None else CODE)
    assert known["parameters"].get("seed", 3) == 3
    training = known["training"]
    config = json.loads((run / "config.json").read_text())
    assert training["noise"] == config["noise"] == own.noise
    assert (training["device"], known["versions"]["torch"]) == ("cpu", config["environment"]["torch"])
    assert training["seconds"] == pytest.approx(told["seconds"], abs=1e-3)
    in_epochs = config["recipe"] is not None
    assert training["recipe"] == (own.recipe if in_epochs else None)
    assert {key: config["recipe"][key] for key in training["settings"]} == training["settings"] if in_epochs else True
    assert (training["settings"].get("epochs") == 1) == in_epochs

    # The figures, of the arrays themselves
    (entry,) = facts["model-index"]
    (result,) = entry["results"]
    assert (entry["name"], result["dataset"]["name"], result["dataset"]["split"]) == ("my run", DATA, "test")
    assert result["task"]["type"] == facts["pipeline_tag"]
    figures = {one["name"]: one["value"] for one in result["metrics"]}
    assert {one["type"] for one in result["metrics"]} == set(facts["metrics"])
    clean = centred(test)
    mse = np.mean((model.reconstruct(test) - clean) ** 2)
    assert figures["Test MSE"] == pytest.approx(mse, rel=1e-3) == told["test_mse"]
    evaluated = call("evaluate", run, "--json").json
    assert figures["Test PSNR (dB)"] == evaluated["psnr"]
    assert figures["Test SSIM"] == evaluated["ssim"]
    row = f"| {evaluated['mse']:.5f} | {evaluated['psnr']:.2f} | {evaluated['ssim']:.3f} |"
    assert row in text
    assert f"held out for validation{', clean' if own.noise else ''}: {told['validation_mse']:.5f}." in text
    assert told["validation_mse"] == pytest.approx(
        np.mean((model.reconstruct(held_out) - centred(held_out)) ** 2), rel=1e-3
    )
    assert f"MSE of the training pictures: {told['train_mse']:.5f}" in text

    # An exact PCA by scikit-learn, on the same pictures
    beside = figures.get("Test MSE of exact PCA at the same code size")
    assert (beside is None) == (name in ("pca", "unet"))
    if beside is not None:
        pca = PCA(CODE, svd_solver="full").fit(centred(learned).reshape(len(learned), -1))
        back = pca.inverse_transform(pca.transform(clean.reshape(len(clean), -1)))
        exact = np.mean((back - clean.reshape(len(clean), -1)) ** 2)
        assert beside == pytest.approx(exact, rel=1e-4)
        assert f"| exact PCA, code of {CODE} | {exact:.5f} |" in text
        assert f"Its MSE is {abs(1 - mse / exact):.1%} {'under' if mse <= exact else 'over'} that of" in text

    # Noise, drawn anew
    removed = figures.get(f"Test MSE with {own.noise} removed")
    assert (removed is None) == (own.noise is None)
    if own.noise is not None:
        noise = parse_noise(own.noise)
        noisy = corrupt(clean.astype(np.float32), noise, seed=0, epoch=EVALUATION_EPOCH, indices=range(len(test)))
        assert removed == pytest.approx(np.mean((model.reconstruct(noisy) - clean) ** 2), rel=1e-5)
        assert f"| with noise ({own.noise}) | {np.mean((noisy - clean) ** 2):.5f} |" in text
        assert f"| the same, cleaned by this model | {removed:.5f} |" in text
    assert ("lookalike bench quality DATA --run RUN" in text) == (name == "search")
    assert "Do not identify people" in text
    assert str(tmp_path) not in (run / "card.md").read_text()


def test_the_commands_on_a_card_exist(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for name in ("conv", "unet", "denoiser", "search"):
        train(call, tmp_path / name, name)
        block = re.search(r"```sh\n(.*?)```", (tmp_path / name / "card.md").read_text(), re.DOTALL)
        assert block is not None
        for line in block[1].splitlines():
            command = line.partition("#")[0].split()
            assert command[0] == "lookalike"
            words = command[1:3] if command[1] == "bench" else command[1:2]
            told = call(*words, "--help").out
            assert {word for word in command if word.startswith("--")} <= set(re.findall(r"--[a-z-]+", told))


def test_a_resumed_run_has_its_card_written_anew(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    train(call, tmp_path, "conv")
    first = (tmp_path / "card.md").read_text()
    told = train(call, tmp_path, "conv", DATA, "--epochs", 2, "--resume")
    facts, text = parts(tmp_path / "card.md")
    assert facts["lookalike"]["training"]["settings"]["epochs"] == 2
    assert facts["model-index"][0]["results"][0]["metrics"][0]["value"] == told["test_mse"]
    assert f"{told['test_mse']:.5f}" in text
    assert text not in first
    whole = train(call, tmp_path / "whole", "conv", DATA, "--epochs", 2)
    assert whole["test_mse"] == told["test_mse"]
    assert not list(tmp_path.glob(".card*"))


def test_a_card_says_with_whose_weights_the_training_began(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    train(call, tmp_path / "first", "conv")
    train(call, tmp_path / "second", "conv", DATA, "--begin-with", tmp_path / "first", "--epochs", 1)
    digest = la.load_model(tmp_path / "first").digest
    facts, text = parts(tmp_path / "second" / "card.md")
    assert facts["lookalike"]["training"]["begun_with"] == {"kind": "conv", "digest": digest}
    assert f"| began with the weights of | conv `{digest}` |" in text
    assert "began with" not in (tmp_path / "first" / "card.md").read_text()


def test_a_resumed_closed_form_gets_back_a_lost_card(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    train(call, tmp_path)
    first = parts(tmp_path / "card.md")[0]
    (tmp_path / "card.md").unlink()
    train(call, tmp_path, "pca", DATA, "--resume")
    again = parts(tmp_path / "card.md")[0]
    for facts in (first, again):
        facts["lookalike"]["training"].pop("seconds")  # of both sessions
    assert again == first


def test_a_folder_goes_by_its_name_and_framing_is_told(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    np.save(tmp_path / "a|b.npy", waves(40, 20, 20))
    train(call, tmp_path / "run", "pca", tmp_path / "a|b.npy", "--crop", 2)
    facts, text = parts(tmp_path / "run" / "card.md")
    assert facts["lookalike"]["data"]["source"] == "a|b.npy"
    assert facts["model-index"][0]["results"][0]["dataset"] == {"type": "a-b.npy", "name": "a|b.npy", "split": "test"}
    assert "| source | `a&#124;b.npy` |" in text
    assert "16 x 16 pixels, 2 pixels cut from each side before, fit crop" in text
    assert "procedural faces: of photographs it knows nothing" not in text


def test_an_exact_pca_is_left_out_where_it_takes_long_or_cannot_be(
    call,  # type: ignore[no-untyped-def]
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = ["train", DATA, "--model", "conv", "--size", SIZE, "--epochs", 1, "--json", "--run"]
    call(*command, tmp_path / "large", "--code", 82).json  # noqa: B018
    assert "81 pictures of 768 values allow a code of 81 at most" in (tmp_path / "large" / "card.md").read_text()
    monkeypatch.setattr(card, "PCA_WORK", 81 * 768 * 81 - 1)
    call(*command, tmp_path / "long").json  # noqa: B018
    text = (tmp_path / "long" / "card.md").read_text()
    assert "Without an exact PCA beside it: for 81 pictures of 768 values it would take long." in text
    assert "exact PCA, code" not in text
    monkeypatch.setattr(card, "PCA_WORK", 81 * 768 * 81)
    assert "exact PCA, code of 32" in Path(call(*command, tmp_path / "quick").json["card"]).read_text()


def test_yaml_is_quoted_where_it_would_be_read_as_something_else() -> None:
    given = {"a": "plain", "b": "no", "c": "1.5", "d": 'say "x": #y', "e": 1e-05, "f": None, "g": [], "h": [[1, 2], {}]}
    assert front_matter({**given, "i": True}) == (
        "---\n"
        "a: plain\n"
        'b: "no"\n'
        'c: "1.5"\n'
        'd: "say \\"x\\": #y"\n'
        "e: 1.0e-05\n"
        "f: null\n"
        "g: []\n"
        "h:\n"
        "  - - 1\n"
        "    - 2\n"
        "  - {}\n"
        "i: true\n"
        "---\n"
    )


def test_what_is_not_finite_is_no_figure() -> None:
    figures = [("mse", "MSE", 0.0), ("psnr", "PSNR", float("inf"))]
    (one,) = model_index("m", "image-to-image", "/", figures)
    assert [metric["type"] for metric in one["results"][0]["metrics"]] == ["mse"]
    assert one["results"][0]["dataset"]["type"] == "pictures"
