from __future__ import annotations

import csv
import datetime as dt
import gzip
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data.sources import Location
from tidegate.data.sources.csv_files import CsvPieces
from tidegate.data.sources.opening import open_files
from tidegate.data.sources.pieces import in_memory
from tidegate.data.sources.reading import read_table
from tidegate.data.sources.text_types import typed
from tidegate.errors import DataError

US = pl.Datetime("us")
UTC = pl.Datetime("us", "UTC")


def read(path: Path, content: str | bytes, **declared: pl.DataType) -> pl.DataFrame:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path, declared.get)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.csv"


@pytest.mark.parametrize(
    ("values", "declared", "expected"),
    [
        (["1", "2"], pl.Float64(), pl.Float64()),
        (["1", "2"], pl.Int8(), pl.Int8()),
        (["1", "300"], pl.Int8(), pl.Int64()),
        (["007", "12"], pl.String(), pl.String()),
        (["1.5", "2"], pl.Int64(), pl.Float64()),
        (["1", "many"], pl.Int64(), pl.String()),
        (["true", "False"], pl.Boolean(), pl.Boolean()),
        (["0", "1"], pl.Boolean(), pl.Int64()),
        (["", ""], pl.Int64(), pl.Int64()),
        (["2013-01-01", "2013-01-02"], pl.Datetime("ns"), pl.Datetime("ns")),
        (["2013-01-01 05:00:00", ""], US, US),
        (["2013-01-01T05:00:00Z", ""], UTC, UTC),
        (["2013-01-01T05:00:00Z", ""], US, UTC),
        (["01/02/2013", ""], pl.Date(), pl.String()),
        (["05:00:00", ""], pl.Time(), pl.Time()),
        (["a", "b"], pl.Categorical(), pl.Categorical()),
        (["a", "c"], pl.Enum(["a", "b"]), pl.String()),
    ],
)
def test_read_csv__declared_type_where_every_value_fits(
    path: Path, values: list[str], declared: pl.DataType, expected: pl.DataType
) -> None:
    table = read(path, "n,x\n" + "".join(f"1,{value}\n" for value in values), x=declared)
    assert table.schema["x"] == expected
    assert table["x"].null_count() == values.count("")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-2"], pl.Int64()),
        (["1", "2.5"], pl.Float64()),
        (["1e3", "inf"], pl.Float64()),
        (["true", "false"], pl.Boolean()),
        (["2013-01-01", "2013-01-02"], pl.Date()),
        (["2013-01-01T05:00:00", "2013-01-02 06:00"], US),
        (["2013-01-01T05:00:00Z", "2013-01-01T05:00:00+01:00"], UTC),
        (["x", "1"], pl.String()),
        (["13", "20130102"], pl.Int64()),
        (["99999999999999999999", "1"], pl.String()),
        (["9007199254740993", "1.5"], pl.String()),
    ],
)
def test_read_csv__type_that_the_values_suggest(
    path: Path, values: list[str], expected: pl.DataType
) -> None:
    assert read(path, "x\n" + "\n".join(values)).schema["x"] == expected


def test_read_csv__wrong_value_far_down_is_seen(path: Path) -> None:
    table = read(path, "x\n" + "1\n" * 50_000 + "many\n", x=pl.Int64())
    assert (table.schema["x"], table.height) == (pl.String, 50_001)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n3\n4,5\n", "row 3 has 1 fields and the header 2"),
        ("a,b\n1,2\n3,4,5\n", "row 3 has 3 fields and the header 2"),
        ("a,b\nx,y\nsecret,é\n".encode("latin-1"), "it is not UTF-8 text, see row 3"),
        ("é,b\nx,secret\n".encode("latin-1"), "it is not UTF-8 text"),
        ("a,b\nsecret,2\n".encode("utf-16"), "it is UTF-16, not UTF-8 text"),
        ('a,b\n1,"secret\n3,4\n', "a quoted value is never closed"),
        ("a,b,a\n1,2,3\n", "two columns are called 'a'"),
        ('a,b,c\n1,"secret,3\n4,5,6\n', "a quoted value is never closed"),
        ('a,b\n1,2\n3,"secret', "a quoted value is never closed"),
        ("", "it is empty, without even a header"),
        ("\n\n", "it is not CSV"),
        (b"\xff\xfea\x00,\x00b\x00", "cannot be read"),
        (b"PAR1\x00\x01\x02\n\x03,\n", "cannot be read"),
    ],
)
def test_read_csv__damage_names_the_file_and_quotes_nothing(
    path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(path, content)
    assert caught.value.where == str(path)
    assert "secret" not in str(caught.value)


def test_read_csv__ordinary_variations(path: Path, tmp_path: Path) -> None:
    expected = {"a": [1, 3], "b": ["x\ny, z", ""]}
    plain = 'a,b\n1,"x\ny, z"\n\n3,""\n'
    assert read(path, plain).to_dict(as_series=False) == expected
    assert read(path, "\ufeff" + plain).to_dict(as_series=False) == expected
    assert read(path, plain.replace("\n\n", "\r\n")).to_dict(as_series=False) == expected
    packed = tmp_path / "a.csv.gz"
    assert read(packed, gzip.compress(plain.encode())).to_dict(as_series=False) == expected


@pytest.mark.parametrize("content", ["a,b\n", "a,b", "\ufeffa,b\r\n"])
def test_read_csv__header_alone_has_no_rows(path: Path, content: str) -> None:
    table = read(path, content, b=pl.Int64())
    assert (table.height, table.schema) == (0, {"a": pl.String, "b": pl.Int64})


def test_read_csv__empty_line_is_a_null_where_there_is_one_column(path: Path) -> None:
    assert read(path, "a\n1\n\n3\n")["a"].to_list() == [1, None, 3]


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.zst", "A.CSV.GZ"])
def test_read_csv__packed_is_the_same(tmp_path: Path, name: str) -> None:
    plain = b"a,b\n" + b"".join(b"%d,x\n" % number for number in range(1000))
    assert read(tmp_path / name, packed(name, plain)).equals(read(tmp_path / "a.csv", plain))


@pytest.mark.parametrize("kept", [0.5, 0.9, -1])
@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.zst"])
def test_read_csv__packed_and_cut_off(tmp_path: Path, name: str, kept: float) -> None:
    # Numbers that do not pack well, so that half of the file is half of the rows.
    plain = b"a\n" + b"".join(b"%d\n" % (number**7 % 99991) for number in range(50_000))
    content = packed(name, plain)
    with pytest.raises(DataError, match="the file cannot be read: it is cut off") as caught:
        read(tmp_path / name, content[: int(len(content) * kept) if kept > 0 else -1])
    assert caught.value.where == str(tmp_path / name)


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.zst"])
def test_read_csv__not_packed_at_all(tmp_path: Path, name: str) -> None:
    kind = "gzip" if name.endswith("gz") else "zstd"
    with pytest.raises(DataError, match=f"it is no sound {kind}"):
        read(tmp_path / name, b"a,b\n1,2\n")


def packed(name: str, content: bytes) -> bytes:
    if name.lower().endswith(".gz"):
        return gzip.compress(content)
    packed = pa.compress(content, codec="zstd", asbytes=True)
    assert isinstance(packed, bytes)
    return packed


@given(
    rows=st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1) | st.none(),
            st.floats(allow_nan=False) | st.none(),
            st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])),
            st.booleans() | st.none(),
            st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)) | st.none(),
        ),
        min_size=1,
    )
)
def test_read_csv__what_polars_writes_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[object, ...]]
) -> None:
    schema = {"i": pl.Int64(), "f": pl.Float64(), "s": pl.String(), "b": pl.Boolean(), "d": US}
    table = pl.DataFrame(rows, schema=schema, orient="row")
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    table.write_csv(path, quote_style="non_numeric")
    assert read_table(path, schema.get).equals(table)


VALUES = {
    "whole": st.integers(-99, 99).map(str),
    "decimal": st.floats(-9, 9).map(lambda number: f"{number:.3f}"),
    "long": st.integers(10**16, 10**17).map(str),
    "truth": st.sampled_from(["true", "False"]),
    "date": st.dates(dt.date(2000, 1, 1), dt.date(2030, 1, 1)).map(str),
    "moment": st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2030, 1, 1)).map(str),
    "text": st.text('abc \n"', min_size=1, max_size=5),
    "nothing": st.just(""),
}
DECLARED = st.sampled_from([None, pl.Int8(), pl.Float64(), pl.String(), pl.Date(), US])


@st.composite
def columns(draw: st.DrawFn) -> list[str]:
    """The texts of a column: mostly of one kind, with now and then one of another."""
    mostly, other = draw(st.sampled_from(list(VALUES))), draw(st.sampled_from(list(VALUES)))
    values = draw(st.lists(VALUES[mostly], min_size=30, max_size=60))
    if draw(st.booleans()):
        values.insert(draw(st.integers(0, len(values))), draw(VALUES[other]))
    return values


@given(first=columns(), second=columns(), one=DECLARED, two=DECLARED, size=st.integers(90, 400))
def test_csv_pieces__of_any_size_make_the_same_table(
    tmp_path_factory: pytest.TempPathFactory,
    first: list[str],
    second: list[str],
    one: pl.DataType | None,
    two: pl.DataType | None,
    size: int,
) -> None:
    path = tmp_path_factory.getbasetemp() / "pieces.csv"
    rows = list(zip(first, second, strict=False))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("a", "b"), *rows])
    declared = {"a": one, "b": two}
    table = in_memory(CsvPieces(path, declared.get, "", size))
    texts = [pl.Series("a", first[: len(rows)]), pl.Series("b", second[: len(rows)])]
    expected = [
        typed(text.replace("", None), declared[text.name])  # the rules, on a whole column
        for text in texts
    ]
    assert table.equals(pl.DataFrame(expected))
    assert table.schema == pl.DataFrame(expected).schema


def test_csv_pieces__damage_far_down_has_its_row(path: Path) -> None:
    path.write_text("a,b\n" + "1,2\n" * 500 + "3\n")
    with pytest.raises(DataError, match="row 502 has 1 fields and the header 2"):
        in_memory(CsvPieces(path, lambda _: None, "", 64))


def test_csv_pieces__row_longer_than_a_piece(path: Path) -> None:
    path.write_text("a,b\n1,2\n3," + "4" * 500 + "\n")
    with pytest.raises(DataError, match="a row is longer than"):
        in_memory(CsvPieces(path, lambda _: None, "", 64))
    path.write_text('a,b\n1,2\n3,"' + "4" * 500 + "\n")
    with pytest.raises(DataError, match="a quoted value is never closed"):
        in_memory(CsvPieces(path, lambda _: None, "", 64))


def test_open_files__csv_is_kept_as_parquet_in_its_order(path: Path, tmp_path: Path) -> None:
    # More than one piece, and a value near the end that changes the type of all.
    rows = 600_000
    path.write_text("n,x\n" + "".join(f"{n},{n % 7}\n" for n in range(rows)) + f"{rows},0.5\n")
    (file,) = open_files([Location("a.csv", str(path))], tmp_path / "work")
    assert (file.rows, dict(file.schema)) == (rows + 1, {"n": pl.Int64(), "x": pl.Float64()})
    assert len(list((tmp_path / "work").rglob("*.parquet"))) > 1
    table = file.scan().collect(engine="streaming")
    assert table["n"].equals(pl.Series("n", range(rows + 1)))
    assert table["x"].tail(2).to_list() == [(rows - 1) % 7, 0.5]


def test_open_files__csv_with_a_header_alone(path: Path, tmp_path: Path) -> None:
    path.write_text("a,b\n")
    (file,) = open_files([Location("a.csv", str(path))], tmp_path / "work")
    assert (file.rows, list(file.schema)) == (0, ["a", "b"])
    assert file.scan().collect().is_empty()
