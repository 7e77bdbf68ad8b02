"""What the page's JavaScript lists is what Python has, read from its source: no browser is needed."""

from __future__ import annotations

import re
import typing
from importlib.resources import files

import pytest

from lookalike import choosing
from lookalike.gallery import decisions, filters
from lookalike.models import INVENTED
from lookalike.noise import NOISES, NOT_TOLD, parse_noise
from lookalike.review import checks
from lookalike.serve import schemas, schemas_of_review
from lookalike.studio import maps, reviewing
from lookalike.studio.descriptions import noise_facts
from lookalike.training.run import COLUMNS

PAGE = files("lookalike.serve") / "page"


def source(name: str) -> str:
    return PAGE.joinpath(name).read_text(encoding="utf-8")


def constant(name: str, of: str) -> str:
    """The text of a constant of a page's file, from its first bracket to the one that closes it, or up to `;`."""
    found = re.search(rf"^const {of} = ", source(name), re.MULTILINE)
    assert found is not None, f"{name} has no constant {of}; this test reads it"
    rest, depth = source(name)[found.end() :], 0
    for at, letter in enumerate(rest):
        depth += (letter in "[{(") - (letter in "]})")
        if letter == ";" and depth == 0:
            return rest[:at]
    raise AssertionError(f"{of} in {name} does not end")


def texts(found: str) -> list[str]:
    return re.findall(r'"([^"]*)"', found)


def test_the_noises_that_the_page_draws() -> None:
    drawn = re.findall(r"^  (?:async )?(\w+)(?::|\()", constant("noises.js", "NOISES"), re.MULTILINE)
    assert sorted(drawn) == sorted(name for name, kind in NOISES.items() if kind.in_browser)


def test_the_noises_that_the_page_offers_are_handed_over() -> None:
    offered = noise_facts()
    assert [one["name"] for one in offered] == [name for name, kind in NOISES.items() if kind.slider is not None]
    for one in offered:
        schemas.OfferedNoise(**one)
        for level in (one["least"], one["value"], one["most"]):
            parse_noise(f"{one['name']}:{level}")  # Python takes what the slider gives
        steps = (one["value"] - one["least"]) / one["step"]
        assert steps == pytest.approx(round(steps), abs=1e-6), f"{one['name']} begins between two steps of its slider"
    tab = source("tabs/clean.js")
    assert not [name for name in NOISES if re.search(rf"\b{name}\b", tab)], "the tab names a noise of its own"


def test_the_filters_operators_and_kinds_of_numbers() -> None:
    signs = texts(constant("filter.js", "COMPARE"))
    assert "'like'" in source("filter.js")
    assert sorted({*signs, "like"}) == sorted(filters.OPERATORS)
    assert tuple(texts(constant("filter.js", "NUMBERS"))) == filters.NUMBERS


def test_the_kinds_of_directions() -> None:
    kinds = texts(constant("tabs/edit.js", "KINDS"))[::2]
    assert sorted(kinds) == sorted(typing.get_args(schemas.Direction.model_fields["kind"].annotation))


def test_the_curves_of_a_training() -> None:
    drawn = texts(constant("tabs/training.js", "LINES"))[::2]
    assert drawn == [name for name in COLUMNS if name.endswith("_mse")]


def test_the_layouts_of_the_map() -> None:
    assert set(texts(re.search(r"options: (\[\[.*?\]\])", source("tabs/map.js"))[1])[::2]) == set(maps.METHODS)  # type: ignore[index]


def test_the_review_offers_what_python_has() -> None:
    offered = reviewing.queues()
    assert [one.name for one in offered if one.kind == reviewing.COPIES] == list(choosing.LEVELS)
    assert [one.name for one in offered if one.kind == reviewing.BAD] == list(checks.CHECKS)
    assert set(re.findall(r"(\w+):", constant("tabs/review.js", "KINDS"))) == {one.kind for one in offered}
    assert set(re.findall(r"(\w+):", constant("tabs/review.js", "LOOKED_FOR"))) == set(reviewing.MADE_OF.values())
    assert set(re.findall(r"(\w+): \[", constant("applying.js", "WORDS"))) == set(choosing.HOWS)
    assert set(typing.get_args(schemas_of_review.Apply.model_fields["how"].annotation)) == set(choosing.HOWS)
    decided = set(typing.get_args(schemas_of_review.OneDecision.model_fields["kind"].annotation))
    assert decided == {*decisions.OF_PICTURES, *decisions.OF_PAIRS}
    assert set(re.findall(r"(\w+): ", constant("tabs/review.js", "NAMES"))) == {*choosing.LEVELS, reviewing.ODD}


def test_what_is_said_of_sharp_pictures() -> None:
    assert INVENTED in source("sharp.js")


def test_a_level_that_nobody_told() -> None:
    assert float(constant("cleaner.js", "NOT_TOLD")) == NOT_TOLD


def test_the_tabs_have_titles_and_files() -> None:
    tabs = texts(constant("app.js", "TABS"))
    assert re.findall(r"(\w+):", constant("app.js", "TITLES")) == tabs
    assert sorted(path.name for path in PAGE.joinpath("tabs").iterdir()) == sorted(f"{name}.js" for name in tabs)
