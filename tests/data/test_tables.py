"""Tables as programs and people write them, held against pandas' reading of the same bytes."""

from __future__ import annotations

import io
import json
import logging
import string
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.data.tables import read_table
from lookalike.errors import DataError

LETTERS = string.ascii_letters + " \"',;\täß€Å"
OTHERS = {"nan", "yes", "no", "true", "false"}
WORDS = st.text(LETTERS, max_size=8).map(str.strip).filter(lambda one: one.lower() not in OTHERS)
NUMBERS = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6, allow_nan=False).filter(
    lambda value: "e" not in str(value)
)
ROWS = st.lists(st.tuples(WORDS, st.none() | NUMBERS), min_size=1, max_size=6)


@given(rows=ROWS, separator=st.sampled_from(",;\t"), end=st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=60, deadline=None)
def test_what_pandas_writes_and_reads_is_read_so(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, float | None]], separator: str, end: str
) -> None:
    path = tmp_path_factory.mktemp("tables") / "t.csv"
    frame = pd.DataFrame(rows, columns=["word", "amount"])
    frame.insert(0, "name", [f"p{i}.jpg" for i in range(len(rows))])
    frame.to_csv(path, index=False, sep=separator, lineterminator=end)
    known = pd.read_csv(path, sep=separator, keep_default_na=False, na_values={"amount": [""]}, dtype={"word": str})
    table = read_table(path)
    assert list(table.rows) == list(known["name"])
    for place, column in enumerate(table.columns):
        for found, expected in zip(table.rows.values(), known[column.name], strict=True):
            if column.name == "word":
                assert found[place] == (expected or None)
            else:
                assert found[place] == (None if pd.isna(expected) else pytest.approx(expected))


TEXT = "Datei;Länge;Ort\na.jpg;1,5;Köln\nb.jpg;2,25;São Paulo\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_are_told_apart(tmp_path: Path, encoding: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(TEXT.encode(encoding))
    with caplog.at_level(logging.WARNING):
        table = read_table(path)
    known = pd.read_csv(path, sep=";", decimal=",", encoding=encoding, index_col="Datei")
    assert {name: list(values) for name, values in table.rows.items()} == known.T.to_dict("list")
    assert [(column.name, column.kind) for column in table.columns] == [("Länge", "number"), ("Ort", "text")]
    assert ("was read as Windows-1252" in caplog.text) == (encoding == "cp1252")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('name,words\na.jpg,"two\nlines"\nb.jpg,"say ""so"""\n', {"a.jpg": ("two\nlines",), "b.jpg": ('say "so"',)}),
        ('"name, or so";word\na;x\nb;y\n', {"a": ("x",), "b": ("y",)}),
        ("sep=|\nname|word\na|x,y;z\n", {"a": ("x,y;z",)}),
        ("name,word\n\na,x\n\n\nb,y\n", {"a": ("x",), "b": ("y",)}),
        (",stars\na.jpg,5\nb.jpg,4\n", {"a.jpg": (5,), "b.jpg": (4,)}),
        ("name;stars;;\na;1;;\n;;;\nb;2;;\n ; ;;\n", {"a": (1,), "b": (2,)}),
        ("name;low;word\na;-1,5;1,5\nb;2;1,x\n", {"a": (-1.5, "1,5"), "b": (2, "1,x")}),
        ("name;day\na;7.5.2024 9:30\nb;31.12.2023\n", {"a": ("2024-05-07T09:30",), "b": ("2023-12-31",)}),
    ],
    ids=[
        *("quotes", "separator in quotes", "excel", "blank lines", "index of pandas"),
        *("what spreadsheets leave", "decimal commas", "days first"),
    ],
)
def test_text_is_taken_apart_as_it_is_meant(tmp_path: Path, text: str, rows: dict[str, tuple[str]]) -> None:
    (tmp_path / "t.csv").write_text(text)
    assert read_table(tmp_path / "t.csv").rows == rows


@pytest.mark.parametrize(
    ("written", "kind", "held"),
    [
        ("2024-05-17", "time", "2024-05-17"),
        ("2024-05-17T14:30:00Z", "time", "2024-05-17T14:30:00"),
        ("2024-05-17 14:30:00.125+02:00", "time", "2024-05-17T14:30:00"),
        ("2024:05:17 14:30:00", "time", "2024-05-17T14:30:00"),
        ("17.05.2024", "time", "2024-05-17"),
        ("17.13.2024", "text", "17.13.2024"),
        ("05/17/2024", "text", "05/17/2024"),
        ("2024-13-01", "text", "2024-13-01"),
        ("3,5", "text", "3,5"),
        ("1 000", "text", "1 000"),
        ("1e3", "number", 1000),
        ("-.5", "number", -0.5),
        ("inf", "text", "inf"),
        ("NO", "flag", 0),
    ],
)
def test_kinds_of_values(tmp_path: Path, written: str, kind: str, held: object) -> None:
    (tmp_path / "t.tsv").write_text(f"name\tvalue\na\t{written}\nb\t\n")
    table = read_table(tmp_path / "t.tsv")
    assert (table.columns[0].kind, table.rows) == (kind, {"a": (held,), "b": (None,)})


def test_json_is_read_by_lines_or_whole(tmp_path: Path) -> None:
    frame = pd.DataFrame({"file": ["a", "b\u2028c"], "when": pd.to_datetime(["2024-05-17 14:30", None]), "n": [1, 2.5]})
    frame.to_json(tmp_path / "lines.jsonl", orient="records", lines=True, date_format="iso", force_ascii=False)
    frame.to_json(tmp_path / "whole.json", orient="records", date_format="iso")
    expected = {"a": ("2024-05-17T14:30:00", 1), "b\u2028c": (None, 2.5)}
    assert [read_table(tmp_path / name).rows for name in ("lines.jsonl", "whole.json")] == [expected] * 2
    (tmp_path / "nested.jsonl").write_text(json.dumps({"name": "a", "tags": ["x"], "more": {"y": 1}}))
    assert read_table(tmp_path / "nested.jsonl").rows == {"a": ('["x"]', '{"y": 1}')}


def test_tables_may_name_pictures_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "path,n\n/home/me/photos/x/a.jpg,1\n/home/me/photos/x/b.jpg,2\n/home/me/photos/c.jpg,3\n"
    )
    table = read_table(tmp_path / "t.csv")

    def found(name: str) -> object:
        written = table.named(name)
        return None if written is None else table.rows[written][0]

    assert [found(name) for name in ("x/a.jpg", "photos/x/b.jpg", "c.jpg", "./c.jpg")] == [1, 2, 3, 3]
    # a name that would need folders that only some rows have is of another picture
    assert [found(name) for name in ("a.jpg", "y/a.jpg", "hotos/c.jpg")] == [None] * 3


def test_letters_written_in_two_ways_are_the_same(tmp_path: Path) -> None:
    composed, apart = "\u00c5sa.jpg", "A\u030asa.jpg"
    for written, asked in ((composed, apart), (apart, composed)):
        (tmp_path / "t.csv").write_text(f"name,n\n{written},1\n", encoding="utf-8")
        table = read_table(tmp_path / "t.csv")
        assert table.rows[str(table.named(asked))] == (1,)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name,a\n", r"it has a header \(name, a\) and no rows"),
        ("name,a\nx,1,2\n", "row 2 has 3 values for 2 columns"),
        ("a,b\n1,x\n2,x\n", "no column of .* names pictures; say which by --key: one of a, b"),
        ("name,a\ny,1\nx,1\nx,2\nx,3\n", "has 3 rows of 'x' in its column 'name'.* one of a"),
        ('name,a\nx,"1\n' + "2" * 200_000 + "\n", "cannot be read: field larger than field limit"),
    ],
    ids=["no rows", "too long", "no names", "twice", "open quote"],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(DataError, match=message) as raised:
        read_table(tmp_path / "t.csv")
    assert "\n" not in str(raised.value)


def test_many_rows_of_one_name_are_found_at_once(tmp_path: Path) -> None:
    """Counting each name among all would take hours here."""
    stream = io.StringIO("name,a\n")
    stream.seek(0, io.SEEK_END)
    stream.writelines(f"{i},1\n" for i in range(200_000))
    stream.write("199999,2\n")
    (tmp_path / "t.csv").write_text(stream.getvalue())
    with pytest.raises(DataError, match="has 2 rows of '199999'"):
        read_table(tmp_path / "t.csv")
