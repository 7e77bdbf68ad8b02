"""What is chosen is done: whole files or none, nothing deleted, all of it undone, and what cannot be done is told."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import lookalike as la
from killing import DIED, Moment, finish, fresh_processes
from lookalike import files
from lookalike.errors import MissingExtraError, OptionError
from lookalike.review import Applied, Plan, apply, find_copies, undo
from lookalike.review import applying as module
from reviewed import use_home
from scenes import scenes

COUNT = 8
RECORD = "lookalike-applied.jsonl"
HARD = (b"sub/bad\xff name.png", b"sub/-rf ..\\x.png", b"sub/line\nbreak.png", b"sub/=1+1.png", b"sub/x...png")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures: a copy of the first two, and the same file as others under names that are hard to take."""
    folder = tmp_path_factory.mktemp("made") / "in"
    (folder / "sub").mkdir(parents=True)
    for number, picture in enumerate(scenes(COUNT, 11)):
        Image.fromarray(picture).save(folder / f"{number}.png")
    for number in range(2):
        Image.open(folder / f"{number}.png").resize((48, 48)).save(folder / "sub" / f"{number} small.png")
    for number, name in enumerate(HARD, 2):
        shutil.copy(folder / f"{number}.png", os.fsencode(folder) + b"/" + name)
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def gallery(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> la.Gallery:
    """Of a copy of that folder, with a home and a trash of its own."""
    folder = Path(shutil.copytree(made, tmp_path / "in"))
    use_home(tmp_path / "home", monkeypatch)
    opened = la.Gallery.open(tmp_path / "g", la.PCAAutoencoder(4).fit(la.load(folder, size=16, cache=False)))
    opened.update(folder)
    return opened


def plan_of(gallery: la.Gallery) -> Plan:
    return find_copies(gallery).keep("pixels,folder=sub")


def tree(folder: Path) -> dict[bytes, str]:
    """Every file but records, by its path, with a digest of its own."""
    found = {}
    for place, _, names in os.walk(os.fsencode(folder)):
        for name in names:
            path = os.path.join(place, name)  # noqa: PTH118
            if name != RECORD.encode():
                with open(path, "rb") as file:  # noqa: PTH123
                    found[os.path.relpath(path, os.fsencode(folder))] = hashlib.md5(file.read()).hexdigest()
    return found


def kept_of(before: dict[bytes, str]) -> dict[bytes, str]:
    gone = {b"sub/0 small.png", b"sub/1 small.png", b"notes.txt", *(f"{n}.png".encode() for n in range(2, 7))}
    return {path: digest for path, digest in before.items() if path not in gone}


@pytest.mark.parametrize("how", ["copy", "link"])
def test_a_cleaned_copy_of_the_folder_and_back(how: str, gallery: la.Gallery, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    before = tree(source)
    plan = plan_of(gallery)
    shown = apply(plan, how, out)
    assert (shown.dry_run, out.exists(), len(shown.done)) == (True, False, COUNT)
    done = apply(plan, how, out, dry_run=False)
    assert (sorted(done.done), done.failed, done.left_out) == (sorted(shown.done), [], [])
    assert (tree(out), tree(source)) == (kept_of(before), before)
    assert all((source / f"{n}.png").samefile(out / f"{n}.png") == (how == "link") for n in (0, 1, 7))
    assert (out / "0.png").stat().st_mtime_ns == (source / "0.png").stat().st_mtime_ns
    again = apply(plan, how, out, dry_run=False)
    assert (again.done, len(again.already)) == ([], COUNT)
    with pytest.raises(OptionError, match="holds 5 pictures of another choice, such as sub/"):
        apply(find_copies(gallery).keep("pixels,shortest"), how, out)

    (source / "7.png").unlink()  # the link or copy is now the only one
    assert done.record is not None
    assert undo(done.record).dry_run
    assert tree(out) == kept_of(before)
    back = undo(done.record, dry_run=False)
    assert [(one.name, "may be the only one" in one.reason) for one in back.failed] == [("7.png", True)]
    assert list(tree(out)) == [b"7.png"]
    assert not (out / "sub").exists()
    assert undo(done.record, dry_run=False).undone == []


def test_the_trash_and_back(gallery: la.Gallery, tmp_path: Path) -> None:
    source = tmp_path / "in"
    before = tree(source)
    plan = plan_of(gallery)
    shown = apply(plan, "trash")
    assert (len(shown.done), tree(source)) == (7, before)
    (source / "0.png").write_bytes(b"changed since")
    (source / "sub" / "1 small.png").write_bytes(b"changed too")
    done = apply(plan, "trash", dry_run=False)
    assert {one.name: one.reason.partition(";")[0] for one in done.failed} == {
        "sub/0 small.png": "0.png, which is kept for it, is gone or changed",
        "sub/1 small.png": "it was changed since the gallery was updated",
    }
    assert sorted(done.done) == [f"{n}.png" for n in range(2, 7)]
    assert {path for path in before if path not in tree(source)} == {f"{n}.png".encode() for n in range(2, 7)}
    assert done.record is not None
    lines = [json.loads(line) for line in Path(done.record).read_text().splitlines()]
    places = {line["in_trash"]: Path(line["place"]) for line in lines if "in_trash" in line}
    assert {name: hashlib.md5(place.read_bytes()).hexdigest() for name, place in places.items()} == {
        f"{n}.png": before[f"{n}.png".encode()] for n in range(2, 7)
    }
    again = apply(plan, "trash", dry_run=False)
    assert (again.done, len(again.already), len(again.failed)) == ([], 5, 2)
    (source / "sub" / "1 small.png").unlink()  # by somebody else
    (tmp_path / "g" / "trashed-20200101T000000.jsonl").write_text("cut off")
    found = apply(plan, "trash")
    assert len(found.already) == 5
    assert [one.reason for one in found.failed if one.name == "sub/1 small.png"] == [
        "it is not in the folder any more; bring the gallery up to date"
    ]

    (source / "2.png").write_bytes(b"somebody put another one there")
    places["3.png"].unlink()  # the trash was emptied of it
    back = undo(done.record, dry_run=False)
    assert sorted(back.undone) == ["4.png", "5.png", "6.png"]
    assert {one.name: one.reason.partition(";")[0] for one in back.failed} == {
        "2.png": f"{source / '2.png'} is another file by now",
        "3.png": "not found in the trash",
    }
    assert {path: tree(source)[path] for path in (b"4.png", b"5.png", b"6.png")} == {
        path: before[path] for path in (b"4.png", b"5.png", b"6.png")
    }
    assert not (places["4.png"].parent.parent / "info" / "4.png.trashinfo").exists()


def test_lists_are_what_the_plan_says(gallery: la.Gallery, tmp_path: Path) -> None:
    gallery.decisions.add("drop", "7.png")
    plan = plan_of(gallery)
    rows = [tuple(one) for group in plan.groups for one in group] + [("7.png", "drop", "you decided to drop it")]
    for suffix in ("csv", "json"):
        out = tmp_path / f"list.{suffix}"
        apply(plan, "list", out)
        assert not out.exists()
        apply(plan, "list", out, dry_run=False)
        text = out.read_text()
        told: list[dict[str, Any]] = list(
            csv.DictReader(text.splitlines(keepends=True)) if suffix == "csv" else json.loads(text)
        )
        assert [(row["name"], row["action"], row["reason"]) for row in told] == rows
        with pytest.raises(OptionError, match="is there already"):
            apply(plan, "list", out, dry_run=False)
    assert plan.as_json()["groups"] == [[one.name for one in group] for group in plan.groups]


@pytest.mark.parametrize(
    ("how", "out", "told"),
    [
        ("burn", None, "apply is 'burn'; give one of list, copy, link, trash"),
        ("copy", None, "--apply copy needs --out, a folder"),
        ("list", "x.txt", "ends in .csv or .json"),
        ("trash", "x", "leave --out away"),
        ("copy", "in/sub/clean", "lie within one another"),
        ("copy", ".", "lie within one another"),
        ("copy", "g", "holds other files; give a folder of its own"),
    ],
)
def test_what_does_not_fit_is_refused(
    how: str, out: str | None, told: str, gallery: la.Gallery, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=told):
        apply(plan_of(gallery), how, None if out is None else tmp_path / out, dry_run=False)


def test_pictures_that_are_no_files_of_a_folder_are_only_listed(made: Path, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "all"), "tar", made)
    pictures = la.load(archive, size=16, cache=False)
    for source, told in ((archive, "inside the archive all.tar"), (la.ImageSet(pictures.pixels), "from memory")):
        with la.Gallery.open(tmp_path / told, la.PCAAutoencoder(4).fit(pictures)) as held:
            held.update(source)
            plan = find_copies(held).keep()
            assert plan.groups
            for how, out in (("trash", None), ("copy", tmp_path / "out")):
                with pytest.raises(OptionError, match=f"pictures are {told}; use list"):
                    apply(plan, how, out, dry_run=False)
            apply(plan, "list", tmp_path / f"{told}.csv", dry_run=False)


def test_a_missing_extra_answers_with_the_line_that_installs_it(
    gallery: la.Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "send2trash", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lookalike\[trash\]'"):
        apply(plan_of(gallery), "trash", dry_run=False)


def test_links_and_hostile_names_lead_nowhere_else(gallery: la.Gallery, tmp_path: Path) -> None:
    """Names in the catalog, links in the folder, and paths in a record that would touch files outside."""
    source, out, elsewhere = tmp_path / "in", tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (source / "sub" / "0 small.png").rename(elsewhere / "0 small.png")
    (source / "linked").symlink_to(elsewhere)
    (source / "1 link.png").symlink_to(source / "sub" / "1 small.png")
    gallery.update()
    outside = tree(elsewhere)
    with sqlite3.connect(gallery.folder / "catalog.sqlite") as catalog:
        catalog.execute("UPDATE items SET name = '../escape.png' WHERE name = '7.png'")
        catalog.execute("UPDATE facts SET value = value + 1 WHERE key = 'generation'")
    catalog.close()
    gallery.decisions.add("keep", "1 link.png")
    gallery.decisions.add("drop", "../escape.png")
    done = apply(find_copies(gallery).keep("pixels"), "trash", dry_run=False)
    reasons = {one.name: one.reason for one in done.failed}
    assert "a link leads to it out of the folder" in reasons["linked/0 small.png"]
    assert "1 link.png is a link to it, and is kept" in reasons["sub/1 small.png"]
    assert (done.already, reasons["../escape.png"].partition(";")[0]) == ([], "it is not in the folder any more")
    copied = apply(find_copies(gallery).keep("pixels"), "copy", out, dry_run=False)
    assert not (tmp_path / "escape.png").exists()
    assert tree(elsewhere) == outside
    digest = files.sha256((source / "0.png").read_bytes())
    shutil.copy(source / "0.png", tmp_path / "victim.png")
    shutil.copy(source / "0.png", elsewhere / "victim.png")
    (out / "linked out").symlink_to(elsewhere)
    assert copied.record is not None
    with Path(copied.record).open("a") as record:
        for path in ("../victim.png", str(tmp_path / "victim.png"), "linked out/victim.png", "", "a\0b"):
            record.write(json.dumps({"path": path, "content": digest}) + "\n")
    back = undo(copied.record, dry_run=False)
    assert sum("leads out of the folder" in one.reason for one in back.failed) == 5
    assert (tmp_path / "victim.png").exists()
    assert (elsewhere / "victim.png").exists()
    for text in ("", "{}", "[]\n", '{"how": "copy"}', '{"how": "burn", "folder": "/x"}', "\0\1"):
        (tmp_path / "none.jsonl").write_text(text)
        with pytest.raises(OptionError, match="is no record"):
            undo(tmp_path / "none.jsonl")


def test_what_the_system_refuses_is_told_and_the_rest_is_done(
    gallery: la.Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(gallery)

    def refusing(do: Callable[..., Any], part: str) -> Callable[..., Any]:
        def called(path: Any, *others: Any) -> Any:
            if part in str(path):
                raise PermissionError(13, "Permission denied", str(path))
            return do(path, *others)

        return called

    monkeypatch.setattr(module.os, "link", refusing(os.link, "7.png"))
    linked = apply(plan, "link", tmp_path / "out", dry_run=False)
    assert [(one.name, one.reason) for one in linked.failed] == [
        ("7.png", "no hard link can be made there (Permission denied); use copy")
    ]
    send = module.sender()
    monkeypatch.setattr(module, "sender", lambda: refusing(send, "3.png"))
    trashed = apply(plan, "trash", dry_run=False)
    assert [(one.name, one.reason) for one in trashed.failed] == [("3.png", "Permission denied; left alone")]
    assert len(trashed.done) == 6


def _apply_and_die(folder: Path, groups: list[Any], how: str, out: Path | None, at: int, before: bool) -> None:
    moment = Moment(at)
    if how == "trash":
        use_home(folder.parent / "home", pytest.MonkeyPatch())
        send = module.sender()

        def sending(path: Path) -> None:
            if before:
                moment.event()
            send(path)
            if not before:
                moment.event()

        module.sender = lambda: sending
    else:
        moment.before(*((module.files, "write_bytes") if how == "copy" else (module.os, "link")))
    with la.Gallery.open(folder) as gallery:
        apply(Plan(gallery, [], groups, [], []), how, out, dry_run=False)


@pytest.mark.parametrize(
    ("how", "at", "before"), [("copy", 4, True), ("link", 3, True), ("trash", 3, True), ("trash", 2, False)]
)
def test_a_process_that_dies_leaves_whole_files_and_the_rest_is_done_later(
    how: str, at: int, before: bool, gallery: la.Gallery, tmp_path: Path
) -> None:
    source, out = tmp_path / "in", None if how == "trash" else tmp_path / "out"
    whole = tree(source)
    plan = plan_of(gallery)
    context = fresh_processes()
    assert finish(context, _apply_and_die, gallery.folder, plan.groups, how, out, at, before) == DIED
    if out is not None:
        assert tree(out).items() <= kept_of(whole).items()
        assert len(tree(out)) == at - 1
    records = list(gallery.folder.glob("trashed-*.jsonl")) if out is None else [out / RECORD]
    first = undo(records[0])
    assert len(first.undone) == (at - 1 if before else at)
    done = apply(plan, how, out, dry_run=False)
    assert (len(done.already), done.failed) == (len(first.undone), [])
    if out is not None:
        assert tree(out) == kept_of(whole)
        undo(out / RECORD, dry_run=False)
        assert tree(out) == {}
    else:
        assert done.record == str(records[0])  # which goes on, so that one undo takes all of it back
        assert undo(done.record, dry_run=False).failed == []
    assert tree(source) == whole
    if out is None:
        later = apply(plan, how, dry_run=False)
        assert later.record is not None
        assert apply(plan, how, dry_run=False).record is None  # nothing was moved
        assert undo(later.record, dry_run=False).failed == []
        assert tree(source) == whole


def test_decisions_change_what_is_shown(gallery: la.Gallery) -> None:
    def groups() -> set[frozenset[str]]:
        return {frozenset(group) for group in find_copies(gallery).groups}

    pairs = [frozenset({f"{n}.png", f"sub/{n} small.png"}) for n in range(2)]
    assert groups() >= set(pairs)
    gallery.decisions.add("not-duplicates", "0.png", "sub/0 small.png")
    gallery.decisions.add("keep-both", "1.png", "sub/1 small.png")
    assert not groups() & set(pairs)
    gallery.update()
    assert not groups() & set(pairs)
    gallery.decisions.undo()
    assert groups() & set(pairs) == {pairs[1]}
    gallery.decisions.add("keep", "sub/1 small.png")
    plan = plan_of(gallery)
    chosen = next(group for group in plan.groups if group[0].name == "sub/1 small.png")
    assert [one.action for one in chosen] == ["keep", "drop"]
    assert isinstance(apply(plan, "trash"), Applied)


def test_the_command_says_what_is_left_and_what_to_do(call, gallery: la.Gallery, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    source, update = tmp_path / "in", f"to bring the gallery up to date: lookalike index --gallery {gallery.folder}"
    gallery.close()
    (source / "sub" / "0 small.png").unlink()
    shutil.copy(source / "0.png", source / "later.png")
    told = call("duplicates", gallery.folder, "--apply", "trash", "--no-dry-run")
    assert told.code == 1
    lines = told.out.splitlines()
    assert "6 pictures moved to the trash" in lines
    assert lines[lines.index("left out, since the gallery does not hold them: 1 picture") + 1] == "  later.png"
    assert lines[-1] == update
    assert any(line.startswith("not done: sub/0 small.png: it is not in the folder any more") for line in lines)

    again = call("duplicates", gallery.folder).out.splitlines()
    assert again[-2:] == ["2 pictures could not be read again, and compared as stored", update]
    update = call("index", "--gallery", gallery.folder, "--json").json
    assert (update["removed"], update["added"]) == (7, 1)
    assert call("index", "--gallery", tmp_path / "none").code == 2
    assert call("duplicates", gallery.folder, "--no-dry-run").code == 2
    source.rename(tmp_path / "away")
    for command in ("duplicates", "review"):
        lines = call(command, gallery.folder).out.splitlines()
        assert lines[-1] == f"{source} is not there: pictures were compared as they are stored"
