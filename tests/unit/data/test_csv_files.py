from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.data.sources import read_table as read_csv
from tidegate.errors import DataError

US = pl.Datetime("us")
UTC = pl.Datetime("us", "UTC")


def read(path: Path, content: str | bytes, **declared: pl.DataType) -> pl.DataFrame:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_csv(path, declared.get)


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
        ("a,b\nsecret,é\n".encode("latin-1"), "it is not UTF-8 text"),
        ('a,b\n1,"secret\n3,4\n', "a quoted value is never closed"),
        ("a,b,a\n1,2,3\n", "two columns are called 'a'"),
        ("", "it is empty"),
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


def test_read_csv__header_alone_has_no_rows(path: Path) -> None:
    assert read(path, "a,b\n").shape == (0, 2)


@settings(max_examples=60, deadline=None)
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
    assert read_csv(path, schema.get).equals(table)
