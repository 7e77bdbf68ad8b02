"""How models are fitted, in a run's folder or without: in epochs by the training loop, or at once by a closed form."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from lookalike.errors import OptionError
from lookalike.models import kind_named
from lookalike.models.base import Autoencoder
from lookalike.models.inputs import Pictures, as_pictures, describe_data, shape_of
from lookalike.noise import Noise, parse_noise
from lookalike.pixels import Floats, Pixels, to_uint8
from lookalike.training.recipe import Recipe, named_recipe

if TYPE_CHECKING:
    from lookalike.kernels.use import Way
    from lookalike.training.loop import Settings
    from lookalike.training.objective import Trainable

USUAL = "usual"
"""The noise that a kind of model is trained with, by its record in the registry."""


class TrainedAutoencoder(Autoencoder):
    """A model whose network is trained in epochs; its `seed` and `device`, where it has them, are the training's."""

    _start: Mapping[str, Any] = MappingProxyType({})
    """What `data_` says besides, of the weights that the training begins with."""

    def _choose_form(self, image_shape: tuple[int, int, int], begun: dict[str, Any] | None) -> None:
        """Settle what parameters leave to the pictures' shape (H, W, C); `begun`: those of a run that goes on."""

    @abstractmethod
    def _begin(self, pictures: Pixels | Floats, noise: Noise | None) -> Trainable:
        """The network to train on pictures (N, H, W, C) with that noise, with the weights that training begins with.

        Raises:
            OptionError: a parameter is out of range for these pictures, or it cannot learn from such noise.
        """

    @abstractmethod
    def _take(self, network: Trainable, image_shape: tuple[int, int, int]) -> None:
        """Take over a network that was trained."""

    @property
    def usual_noise(self) -> str | None:
        """The noise that it is trained with unless another is asked for."""
        return kind_named(self.kind).noise

    def _after_training(self) -> None:
        """What is little beside a long training, such as finding out how codes are made soonest here."""

    def fit(
        self,
        X: Pictures,
        y: None = None,
        *,
        validation: Pictures | None = None,
        test: Pictures | None = None,
        recipe: str | Recipe | None = None,
        epochs: int | None = None,
        noise: str | Noise | None = USUAL,
        begin_with: Autoencoder | None = None,
        run: str | Path | None = None,
        resume: bool = False,
        progress: bool = True,
        devices: int | None = None,
        nodes: int | None = None,
    ) -> Self:
        """Train on pictures (N, H, W, C).

        Args:
            X: the training pictures.
            y: ignored, there for scikit-learn.
            validation: pictures whose MSE is measured each epoch and names the best checkpoint.
            test: pictures whose MSE is measured each epoch and decides nothing.
            recipe: "course", "fast", "best", "unet", or a `Recipe`; None: the usual one of this kind of model.
            epochs: passes over the pictures instead of the recipe's.
            noise: a corruption of the input, such as "gaussian:0.1", drawn afresh each epoch; the target stays clean.
                "usual": what this kind of model is trained with; None: none.
            begin_with: a trained model of this kind and form, whose weights the training begins with instead of fresh
                ones, in steps a fifth as long where the recipe is given by its name. It is not changed.
            run: a folder for checkpoints after every epoch, metrics, loss curve and the model itself.
            resume: go on with the run from its last checkpoint, or begin it where there is none.
            progress: show a progress bar (a line an epoch where there is no terminal) on stderr.
            devices: processes on this machine that train together, a GPU each, or a share of the CPU's cores: the steps
                are those of one. None: one, or as torchrun, SLURM or Kubernetes have started them.
            nodes: machines that do so, each of which calls this.

        Raises:
            OptionError: an option is out of range, the sets' shapes differ, or the weights to begin with do not fit.
            RunError: the run's folder holds another training, or one that was not asked to be resumed.
            TrainingDiverged: the loss became NaN or infinite.
            Interrupted: Ctrl-C or SIGTERM, after the state was saved.
            ProcessLost: one of several processes has died.
        """
        from lookalike.training.arithmetic import is_worth_a_trial
        from lookalike.training.device import check_device, check_room, resolve_device, threads_of
        from lookalike.training.launching import train_in_processes
        from lookalike.training.loop import Settings, train
        from lookalike.training.place import place_of
        from lookalike.training.ranks import joined
        from lookalike.training.run import Run, environment_of, read_config

        kind = kind_named(self.kind)
        noise = self.usual_noise if noise == USUAL else noise
        epochs = kind.epochs if epochs is None else epochs
        chosen = named_recipe(recipe or kind.recipe or Recipe(), epochs=epochs)
        if begin_with is not None and not isinstance(recipe, Recipe):
            chosen = chosen.going_on()
        given = as_pictures(X)
        pictures = to_uint8(given)
        self._check_piece(chosen, pictures)
        if epochs is None:
            chosen = chosen.for_pictures(len(pictures))
        curves = curves_of(pictures, validation=validation, test=test)
        if resume and run is None:
            raise OptionError("resume=True needs the run to go on with; give run='FOLDER'")
        device = getattr(self, "device", "auto")
        check_device(device)
        on = resolve_device(device)
        place = place_of(devices, nodes)
        check_room(place, on)
        if chosen.batch_size < place.size:
            raise OptionError(
                f"batches of {chosen.batch_size} pictures cannot be shared by {place.size} processes; give at most "
                f"{chosen.batch_size}, or a recipe with a larger batch_size"
            )
        settings = Settings(
            chosen,
            parse_noise(noise) if isinstance(noise, str) else noise,
            seed=getattr(self, "seed", 0),
            device=device,
            progress=progress,
            threads=threads_of(place),
        )
        before = read_config(Path(run)) if resume and run is not None else None
        self._choose_form(shape_of(pictures), None if before is None else parameters_in(before))
        network = self._begin(given, settings.noise)
        if place.is_first:  # the others follow it
            way = way_for(network, pictures, settings, before, self.layers_described(), processes=place.size)
            settings = replace(settings, way=way)
        data = describe_data(X)
        if begin_with is not None:
            data["begun_with"] = self._begin_with(network, begin_with)
        config = run_config(_as_known(self), data, settings.recipe, settings.noise, curves)

        def folder() -> AbstractContextManager[Run | None]:
            if run is None or not place.is_first:
                return nullcontext()
            now = environment_of(on, settings.way, place.size, settings.threads)
            return Run(Path(run), config, resume=resume, environment=now)

        with joined(place, device) as ranks, ranks.only_first(folder) as opened:
            if place.to_start:
                self.history_ = train_in_processes(place, network, pictures, settings, curves=curves, run=opened)
            else:
                self.history_ = train(network, pictures, settings, curves=curves, run=opened, ranks=ranks)
            self.data_ = {**data, **self._start}
            self._take(network, shape_of(pictures))
            if place.is_first and on == "cpu" and chosen.precision == "auto" and is_worth_a_trial(chosen, pictures):
                self._after_training()
            if opened is not None:
                self.save(opened.folder)
        return self

    def layers_described(self) -> dict[str, Any]:
        """What decides the network's layers, as JSON values."""
        parameters = {name: value for name, value in self.described().items() if name not in ("seed", "device")}
        return {"kind": self.kind, **parameters}

    def _begin_with(self, network: Trainable, model: Autoencoder) -> dict[str, Any]:
        """Give a network the weights of a model; returns what is remembered of that: its kind and digest.

        Raises:
            OptionError: it is of another kind or form, or this kind begins with weights of its own.
        """
        raise OptionError(f"{self.kind} begins with weights of its own; leave begin_with out")

    def _check_piece(self, recipe: Recipe, pictures: Pixels) -> None:
        if 0 < recipe.piece < max(pictures.shape[1:3]) and self.reach is None:
            raise OptionError(
                f"the recipe shows pieces of {recipe.piece} pixels, but {self.kind} learns from whole pictures; give "
                "another recipe, such as 'fast'"
            )


def fit_at_once(
    model: Autoencoder, X: Pictures, fit: Callable[[], None], *, run: str | Path | None, resume: bool
) -> None:
    """Fit a closed form; within a run's folder where there is one. A resumed one is fitted anew, which gives the same.

    Raises:
        RunError: the run's folder holds another training, or one that was not asked to be resumed.
    """
    if run is None:
        fit()
        return
    from lookalike.training.run import Run  # brings in PyTorch, which a closed form does without

    with Run(Path(run), run_config(_as_known(model), describe_data(X)), resume=resume) as opened:
        started, worked = time.perf_counter(), time.process_time()
        fit()
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked
        images = len(as_pictures(X))
        opened.add_timing({"epoch": 0, "seconds": seconds, "cpu_seconds": cpu_seconds, "images": images})
        model.save(opened.folder)


def parameters_in(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """The model's parameters in a run's configuration; None where it is no run's, which `Run` then says."""
    model = config.get("model")
    parameters = model.get("parameters") if isinstance(model, dict) else None
    return parameters if isinstance(parameters, dict) else None


def way_for(
    network: Trainable,
    pictures: Pixels,
    settings: Settings,
    begun: Mapping[str, Any] | None,
    about: Mapping[str, Any],
    *,
    processes: int = 1,
) -> Way:
    """The arithmetic to compute in: that of a run that was `begun`, else what is asked for, or quickest here.

    `begun` is the run's configuration; `about`, JSON values, says what network it is; so many `processes` share each of
    its batches.
    """
    from lookalike.training.arithmetic import warn_where_slow, way_of
    from lookalike.training.device import resolve_device
    from lookalike.training.run import way_in

    on = resolve_device(settings.device)
    if begun is None:
        return way_of(
            *(settings.recipe, on, network, pictures, settings.noise, about),
            processes=processes,
            threads=settings.threads,
        )
    way = way_in(begun)
    if on == "cpu":
        warn_where_slow(way)
    return way


def curves_of(pictures: Pixels, **aside: Pictures | None) -> dict[str, Pixels]:
    """Those sets that are given, by name, of the shape of the training's pictures; an OptionError for another."""
    curves = {name: to_uint8(as_pictures(given)) for name, given in aside.items() if given is not None}
    for name, own in curves.items():
        if own.shape[1:] != pictures.shape[1:]:
            raise OptionError(
                f"{name} pictures are of shape {own.shape[1:]}, training ones of {pictures.shape[1:]}; "
                "load both at one size"
            )
    return curves


def run_config(
    learner: dict[str, Any],
    data: dict[str, Any],
    recipe: Recipe | None = None,
    noise: Noise | None = None,
    curves: dict[str, Pixels] | None = None,
) -> dict[str, Any]:
    """What a run remembers of how it was begun, as JSON values; `learner`: kind and parameters of what is trained."""
    return {
        "model": learner,
        "data": data,
        "recipe": None if recipe is None else recipe.as_json(),
        "noise": None if noise is None else str(noise),
        "curves": {name: describe_data(own)["digest"] for name, own in (curves or {}).items()},
    }


def _as_known(model: Autoencoder) -> dict[str, Any]:
    return {"kind": model.kind, "parameters": model.described()}
