"""Models: pictures become codes, and codes become pictures. The kinds there are, each declared once.

A new kind is a file with its class and a record in `KINDS`; the command line, its help texts, the yardstick and the
contract's tests then know it. PyTorch comes in only when a kind's class is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, get_type_hints

from lookalike.errors import OptionError

if TYPE_CHECKING:
    from lookalike.models.base import Autoencoder

INVENTED = "its detail is invented, not seen"
"""What is said wherever something is shown that a sharp decoder has drawn."""
DRAWN_SHARP = f"drawn sharp: {INVENTED}"
"""The same as a line of its own, for whoever gets a picture that says nothing itself."""
NEW_PICTURE = "drawn from a new code: all of it is invented, nobody looks like that"
"""What is said of pictures whose codes are no picture's."""


def note_of(sharp: float, *, new: bool = False) -> str | None:
    """What pictures say of themselves; None where there is nothing to say.

    Args:
        sharp: how far towards a sharp decoder's they are drawn, 0 to 1.
        new: whether their codes are no picture's.
    """
    return "; ".join([NEW_PICTURE] * new + [DRAWN_SHARP] * bool(sharp)) or None


@dataclass(frozen=True)
class Kind:
    """What a name of a model stands for, and how it is made and trained unless the user says otherwise.

    Attributes:
        home: module below `lookalike.models` and class, as "conv.ConvAutoencoder".
        about: what it is, in some words, for help texts.
        code_size: numbers a picture; None for a model without a code, or where its encoder says it.
        recipe: the training's settings; None for a closed form.
        epochs: passes over the pictures, where they are not the recipe's.
        noise: corruption of the training's pictures; None for none.
        learns: whether it is trained here; else it is imported.
    """

    home: str
    about: str
    code_size: int | None = 32
    recipe: str | None = "course"
    epochs: int | None = None
    noise: str | None = None
    learns: bool = True


KINDS = {
    "conv": Kind("conv.ConvAutoencoder", "convolutional, as the course's"),
    "pca": Kind("pca.PCAAutoencoder", "the best linear one, exact in seconds", epochs=15),
    "residual": Kind("residual.ResidualAutoencoder", "gives pictures back best", recipe="best"),
    "search": Kind(
        "search.SearchAutoencoder", "codes made for finding the same person, fitted in seconds", recipe=None
    ),
    "unet": Kind(
        "unet.UNetDenoiser",
        "removes noise best, and has no code",
        code_size=None,
        recipe="unet",
        noise="gaussian:0-0.25",
    ),
    "dense": Kind("dense.DenseAutoencoder", "one hidden layer, with any of Keras's activations"),
    "denoiser": Kind(
        "conv.ConvAutoencoder", "conv as the course trains it for removing noise", code_size=512, noise="gaussian:0.1"
    ),
    "onnx": Kind(
        "onnx_encoder.OnnxEncoder",
        "an encoder from elsewhere: lookalike import ENCODER.onnx --run RUN",
        code_size=None,
        recipe=None,
        learns=False,
    ),
    "codes": Kind(
        "given_codes.GivenCodes",
        "codes that came without a model: lookalike index --codes FILE --gallery GALLERY",
        code_size=None,
        recipe=None,
        learns=False,
    ),
}
"""Every kind of model by its name. Several names may share a class, whose files bear the name that is its own."""


def learners() -> dict[str, Kind]:
    """The kinds that are trained here, by their names."""
    return {name: kind for name, kind in KINDS.items() if kind.learns}


def kind_named(name: str) -> Kind:
    """The record of a kind.

    Raises:
        OptionError: there is no such kind.
    """
    if name not in KINDS:
        raise OptionError(f"model {name!r} is unknown; give one of {', '.join(KINDS)}")
    return KINDS[name]


def model_class(name: str) -> type[Autoencoder]:
    """The class of a kind of model, imported when it is asked for. Raises as `kind_named`."""
    module, _, attribute = kind_named(name).home.rpartition(".")
    found: type[Autoencoder] = getattr(import_module(f"lookalike.models.{module}"), attribute)
    return found


def new_model(name: str, like: Autoencoder | None = None, **given: Any) -> Autoencoder:
    """An untrained model of a kind, with its usual parameters but for those that are given and not None.

    With `like`, a model of that kind, its parameters are the usual ones, but for those that say how it was fitted.

    `seed` and a `device` of "auto" or "cpu" may be given to every kind: a closed form draws nothing at random and
    computes on the CPU.

    Raises:
        OptionError: there is no such kind, it is not trained here, or it does not take what is given, and then the text
            names the kinds that do; or `like` is of another kind.
    """
    learner = _learner(name)
    known = learner.parameters()
    given = {parameter: value for parameter, value in given.items() if value is not None}
    if like is not None:
        given = {**form_of(like, learner.kind), **given}
    for parameter in given.keys() - known:
        if parameter == "seed" or (parameter == "device" and given["device"] in ("auto", "cpu")):
            continue
        takers = [other for other in learners() if parameter in model_class(other).parameters()]
        remedy = f"it belongs to {', '.join(takers)}" if takers else f"there are {', '.join(sorted(known))}"
        raise OptionError(f"model {name!r} takes no {parameter.replace('_', ' ')}; leave it out: {remedy}")
    if "code_size" in known:
        given.setdefault("code_size", KINDS[name].code_size)
    return learner(**{parameter: value for parameter, value in given.items() if parameter in known})


def form_of(model: Autoencoder, kind: str) -> dict[str, Any]:
    """The parameters that say what a model of that kind is like, and not how it came to be.

    Raises:
        OptionError: it is of another kind, so that a training of that kind cannot begin with its weights.
    """
    from lookalike.models.base import HOW_IT_WAS_FITTED

    if model.kind != kind:
        raise OptionError(f"a training of {kind} cannot begin with {model.kind}; give a model of its own kind")
    fitted = {*HOW_IT_WAS_FITTED, "noisy_only"}
    return {name: value for name, value in model.described().items() if name not in fitted}


def _learner(name: str) -> type[Autoencoder]:
    if not kind_named(name).learns:
        raise OptionError(f"model {name!r} is not trained here; it is {kind_named(name).about}")
    return model_class(name)


def parameters_of_words(name: str, words: Iterable[str]) -> dict[str, Any]:
    """Parameters of a kind of model from words such as "width=96", each of the type that the constructor says.

    Raises:
        OptionError: it has no such parameter, or the value is not of its type; or it is not trained here.
    """
    learner = _learner(name)
    types = get_type_hints(learner.__init__)
    given: dict[str, Any] = {}
    for word in words:
        parameter, _, value = word.partition("=")
        if parameter not in learner.parameters():
            raise OptionError(
                f"{word!r} sets nothing of model {name!r}; give one of {', '.join(sorted(learner.parameters()))} "
                "as NAME=VALUE"
            )
        try:
            given[parameter] = _READERS[types[parameter]](value)
        except (ValueError, KeyError) as error:
            raise OptionError(f"{parameter} is {value!r}; give {_FORMS[types[parameter]]}") from error
    return given


_READERS: dict[Any, Callable[[str], Any]] = {
    int: int,
    float: float,
    str: str,
    bool: lambda word: {"true": True, "false": False}[word.lower()],
    tuple[int, ...]: lambda words: tuple(int(word) for word in words.split(",")),
}
_FORMS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple[int, ...]: "whole numbers with commas between them",
}


def usual(what: str) -> str:
    """A field of all the records as one line for help texts: "32; 512 for denoiser", the commonest value first."""
    values = {name: getattr(kind, what) for name, kind in learners().items()}
    commonest = max(values.values(), key=list(values.values()).count)
    others = [f"{value} for {name}" for name, value in values.items() if value not in (commonest, None)]
    return "; ".join([str(commonest or "none"), *others])


def kinds_of_their_own() -> list[str]:
    """Names of the kinds that are trained here and do not share another's class, in the registry's order."""
    homes: dict[str, str] = {}
    for name, kind in learners().items():
        homes.setdefault(kind.home, name)
    return list(homes.values())
