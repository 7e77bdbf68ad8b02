"""Tables of what is known of pictures, against pandas."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lookalike.data.tables import is_lfws, read_table
from lookalike.errors import DataError, MissingExtraError, OptionError

RECORDS = pd.DataFrame(
    {
        "file": ["a/one.jpg", "two.png", 'drei, "3".jpg', "4.jpg"],
        "stars": [5, 3.5, None, -1e-3],
        "kept": [True, False, True, True],
        "taken": ["2024-05-17 14:30:00", "2024-05-18", None, "2023"],
        "camera": ["Pixel 7", "Canon; EOS", "Pixel 7", None],
        "person": ["Ann", None, "Åsa", "Ann"],
    }
)
WRITERS: dict[str, Callable[[Path], Any]] = {
    "t.csv": lambda path: RECORDS.to_csv(path, index=False),
    "bom.csv": lambda path: RECORDS.to_csv(path, index=False, encoding="utf-8-sig"),
    "semicolons.csv": lambda path: RECORDS.to_csv(path, index=False, sep=";"),
    "t.tsv": lambda path: RECORDS.to_csv(path, index=False, sep="\t"),
    "t.txt": lambda path: RECORDS.to_csv(path, index=False, sep="\t", lineterminator="\r\n"),
    "t.jsonl": lambda path: RECORDS.to_json(path, orient="records", lines=True),
    "t.parquet": lambda path: RECORDS.to_parquet(path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_form_of_a_table_says_the_same(tmp_path: Path, name: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    WRITERS[name](tmp_path / name)
    table = read_table(tmp_path / name)
    assert (table.key, [(column.name, column.kind) for column in table.columns]) == (
        "file",
        [("stars", "number"), ("kept", "flag"), ("taken", "time"), ("camera", "text")],
    )
    assert table.rows == {
        "a/one.jpg": (5, 1, "2024-05-17T14:30:00", "Pixel 7"),
        "two.png": (3.5, 0, "2024-05-18", "Canon; EOS"),
        'drei, "3".jpg': (None, 1, None, "Pixel 7"),
        "4.jpg": (-1e-3, 1, "2023", None),
    }
    assert table.people == {"a/one.jpg": "Ann", 'drei, "3".jpg': "Åsa", "4.jpg": "Ann"}
    assert not is_lfws(tmp_path / name)


def test_parquet_times_are_times(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"id": ["a", "b"], "when": [datetime(2024, 5, 17, 14, 30), None]})
    frame.to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table.columns[0].kind == "time"
    assert table.rows == {"a": ("2024-05-17T14:30:00",), "b": (None,)}


def test_parquet_without_its_extra_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lookalike\[parquet\]'"):
        read_table(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("text", "key", "found"),
    [
        ("smile,Name\n1,x\n2,y\n", None, "Name"),
        ("smile,which one\n1,x\n2,y\n", None, "which one"),
        ("id,other\n1,x\n2,y\n", "OTHER", "other"),
        ("id,file\n1,x\n2,y\n", None, "file"),
        ("id,smile\n0001,3\n0002,4\n", None, "id"),
    ],
)
def test_the_key_is_asked_for_or_found(tmp_path: Path, text: str, key: str | None, found: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    table = read_table(tmp_path / "t.csv", key)
    assert table.key == found
    assert set(table.rows) in ({"x", "y"}, {"0001", "0002"})


def test_names_are_met_in_full_without_folders_and_without_suffix(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,n\nx/a.jpg,1\nb.jpg,2\nc,3\n./x/d,4\nwin\\e.jpg,5\n")
    table = read_table(tmp_path / "t.csv")
    names = ("x/a.jpg", "y/a.jpg", "deep/b.jpg", "c.png", "x/c.jpg", "x/d.jpg", "win/e.jpg", "f.jpg")
    rows = [table.rows[written][0] if (written := table.named(name)) else None for name in names]
    assert rows == [1, None, 2, 3, 3, 4, 5, None]


BAD = {
    "empty": ("", DataError, "it is empty"),
    "ragged": ("name,a\nx,1\ny\n", DataError, "row 3 has 1 values for 2 columns"),
    "two of one name": ("name,a,a\nx,1,2\n", DataError, "names a column twice"),
    "nameless": ("name,,b\nx,1,2\n", DataError, "or not at all"),
    "nameless at the end": ("name,\nx,1\n", DataError, "row 2 has 2 values for 1 columns"),
    "twice": ("name,a\nx,1\nx,2\n", DataError, "has 2 rows of 'x' in its column 'name'; keep one .* one of a"),
    "no key": ("a,b\n1,2\n1,3\n", DataError, "say which by --key: one of a, b"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_tables_are_explained(tmp_path: Path, case: str) -> None:
    text, error, message = BAD[case]
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(error, match=message):
        read_table(tmp_path / "t.csv")
    (tmp_path / "k.csv").write_text("name,a\nx,1\n")
    with pytest.raises(OptionError, match=r"key is 'b', which is no column of .*; give one of name, a"):
        read_table(tmp_path / "k.csv", "b")


def test_what_is_no_table_at_all(tmp_path: Path) -> None:
    for name, content in (
        ("t.csv", b"n\0a\0"),
        ("t.csv", b"name\n\x81"),
        ("t.jsonl", b"[1]\n"),
        ("t.jsonl", b"{"),
        ("t.parquet", b"PAR1"),
        ("t.xlsx", b"PK\x03\x04\x14\0"),
    ):
        if name.endswith("parquet"):
            pytest.importorskip("pyarrow")
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="save the sheet as CSV" if name == "t.xlsx" else "cannot be read"):
            read_table(tmp_path / name)
    (tmp_path / "lfw.txt").write_text("a comment\n#\tperson\timagenum\tSmiling\n")
    assert is_lfws(tmp_path / "lfw.txt")
