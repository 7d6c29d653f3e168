from __future__ import annotations

import datetime as dt
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data.sources import Location
from tidegate.data.sources.json_lines import JsonLinesPieces
from tidegate.data.sources.json_plain import read_plain
from tidegate.data.sources.opening import open_files
from tidegate.data.sources.pieces import in_memory
from tidegate.data.sources.reading import read_table
from tidegate.errors import DataError

US = pl.Datetime("us")


def read(path: Path, *lines: object, **declared: pl.DataType) -> pl.DataFrame:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return read_table(path, declared.get)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.jsonl"


def test_read_json_lines__missing_key_is_a_null_and_keys_keep_their_order(path: Path) -> None:
    table = read(path, {"b": 1}, {"a": "x", "b": None}, {"c": True})
    assert table.columns == ["b", "a", "c"]
    assert table.rows() == [(1, None, None), (None, "x", None), (None, None, True)]


@pytest.mark.parametrize(
    ("values", "expected", "read_as"),
    [
        ([1, -2], pl.Int64(), [1, -2]),
        ([1, 2.5], pl.Float64(), [1.0, 2.5]),
        ([True, None], pl.Boolean(), [True, None]),
        (["x", None], pl.String(), ["x", None]),
        ([None, None], pl.String(), [None, None]),
        # Text is text: JSON could have said a number.
        (["1", "2"], pl.String(), ["1", "2"]),
        (["2013-01-01"], pl.String(), ["2013-01-01"]),
        # Of several types: as they stand in JSON.
        ([1, "x"], pl.String(), ["1", "x"]),
        ([1, True], pl.String(), ["1", "true"]),
        ([1.5, {"a": None}], pl.String(), ["1.5", '{"a":null}']),
        # Whole numbers that no float holds, alone and beside decimals; and that no integer holds.
        ([2**53 + 1, 1], pl.Int64(), [2**53 + 1, 1]),
        ([2**53 + 1, 1.5], pl.String(), ["9007199254740993", "1.5"]),
        ([2**64, 1], pl.String(), ["18446744073709551616", "1"]),
        # Nested.
        ([[1], [2.5], []], pl.List(pl.Float64()), [[1.0], [2.5], []]),
        ([[1], ["x"]], pl.List(pl.String()), [["1"], ["x"]]),
        (
            [{"a": 1}, {"b": "x"}],
            pl.Struct({"a": pl.Int64(), "b": pl.String()}),
            [{"a": 1, "b": None}, {"a": None, "b": "x"}],
        ),
        ([[[]], None], pl.List(pl.List(pl.String())), [[[]], None]),
        ([{}, None], pl.String(), ["{}", None]),
        ([[2**53 + 1], [1.5]], pl.List(pl.String()), [["9007199254740993"], ["1.5"]]),
    ],
)
def test_read_json_lines__type_that_the_values_have_in_common(
    path: Path, values: list[Any], expected: pl.DataType, read_as: list[Any]
) -> None:
    table = read(path, *({"n": 1, "x": value} for value in values))
    assert table.schema["x"] == expected
    assert table["x"].to_list() == read_as


@pytest.mark.parametrize(
    ("values", "declared", "expected"),
    [
        ([1, 2], pl.Float64(), pl.Float64()),
        ([1, 2], pl.Int8(), pl.Int8()),
        ([1, 300], pl.Int8(), pl.Int64()),
        ([2**63], pl.UInt64(), pl.UInt64()),
        ([2**53 + 1], pl.Float64(), pl.Int64()),
        ([1, 2.5], pl.Int64(), pl.Float64()),
        ([1, 2], pl.String(), pl.Int64()),
        ([1, "many"], pl.Int64(), pl.String()),
        (["1", "2"], pl.Int64(), pl.String()),
        ([0, 1], pl.Boolean(), pl.Int64()),
        ([True], pl.Int64(), pl.Boolean()),
        ([None], pl.Int16(), pl.Int16()),
        (["2013-01-01", None], pl.Date(), pl.Date()),
        (["2013-01-01T05:00:00"], US, US),
        (["01/02/2013"], pl.Date(), pl.String()),
        ([1356998400], US, pl.Int64()),
        (["05:00:00"], pl.Time(), pl.Time()),
        (["a", "b"], pl.Categorical(), pl.Categorical()),
        (["a", "c"], pl.Enum(["a", "b"]), pl.String()),
        (["1.25"], pl.Decimal(10, 2), pl.Decimal(10, 2)),
        ([1.25], pl.Decimal(10, 2), pl.Float64()),
    ],
)
def test_read_json_lines__declared_type_where_every_value_fits(
    path: Path, values: list[Any], declared: pl.DataType, expected: pl.DataType
) -> None:
    table = read(path, *({"n": 1, "x": value} for value in values), x=declared)
    assert table.schema["x"] == expected
    assert table["x"].null_count() == values.count(None)


def test_read_json_lines__values_of_a_declared_type(path: Path) -> None:
    table = read(path, {"d": "2013-01-01", "m": "1.25"}, d=pl.Date(), m=pl.Decimal(10, 2))
    assert table.rows() == [(dt.date(2013, 1, 1), Decimal("1.25"))]


def test_read_json_lines__ordinary_variations(tmp_path: Path) -> None:
    plain = '{"a": 1, "b": "x\\ny, ü"}\n\n {"a":3,"b":""} \n'
    expected = [(1, "x\ny, ü"), (3, "")]
    for name, content in (
        ("a.jsonl", plain.encode()),
        ("a.ndjson", plain.encode()),
        ("bom.jsonl", ("\ufeff" + plain).encode()),
        ("crlf.jsonl", plain.replace("\n", "\r\n").encode()),
        ("open.jsonl", plain.strip().encode()),
        ("a.jsonl.gz", gzip.compress(plain.encode())),
        ("a.ndjson.zst", pa.compress(plain.encode(), codec="zstd", asbytes=True)),
    ):
        (tmp_path / name).write_bytes(content)
        assert read_table(tmp_path / name).rows() == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a":1}\n{"a":"secret\n{"a":3}\n', "line 2 is not one complete JSON value"),
        ('{"a":1}\n\n{"a":"secret"', "line 3 is not one complete JSON value"),
        ('{"a":1} {"a":"secret"}\n', "line 1 is not one complete JSON value"),
        ('{"a":1},\n', "line 1 is not one complete JSON value"),
        ('[\n{"a":"secret"}\n]\n', "line 1 is not one complete JSON value"),
        ("[" * 100_000 + "\n", "line 1 is not one complete JSON value"),
        ('{"a":1}\n["secret"]\n', "line 2 is an array, not an object"),
        ('{"a":1}\n"secret"\n', "line 2 is a string, not an object"),
        ("5\n", "line 1 is a number, not an object"),
        ("null\n", "line 1 is null, not an object"),
        ('{"a":1}\n{"a":1,"a":"secret"}\n', "line 2 has the key 'a' twice"),
        ('{"a":{"b":1,"b":2}}\n', "line 1 has the key 'b' twice"),
        ('{"a":1}\n{"a":"secret é"}\n'.encode("latin-1"), "it is not UTF-8 text, see line 2"),
        ('{"a":"\\ud800 secret"}\n', "the column 'a' holds text that is no Unicode"),
        ("", "it is empty"),
        ("\n\n", "it is empty"),
        ("{}\n{}\n", "no line has a key"),
        (b"PAR1\x00\x01", "line 1 is not one complete JSON value"),
    ],
)
def test_read_json_lines__damage_names_the_line_and_quotes_nothing(
    path: Path, content: str | bytes, message: str
) -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError, match=message) as caught:
        read_table(path)
    assert caught.value.where == str(path)
    assert caught.value.remedy
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_read_json_lines__packed_and_cut_off(tmp_path: Path, suffix: str) -> None:
    plain = b"".join(b'{"a":%d}\n' % (number**7 % 99991) for number in range(50_000))
    packed = gzip.compress(plain)
    if suffix == "zst":
        packed = pa.compress(plain, codec="zstd", asbytes=True)
    path = tmp_path / f"a.jsonl.{suffix}"
    path.write_bytes(packed[:-20])
    with pytest.raises(DataError, match="it is cut off"):
        read_table(path)


SCALARS = (
    st.none() | st.booleans() | st.integers(-9, 9) | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False) | st.text("ab\n\"\\ü", max_size=4)
)  # fmt: skip
NESTED = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
    ),
    max_leaves=4,
)
# Columns of one type as well as of several.
ROWS = st.lists(
    st.fixed_dictionaries(
        {"id": st.integers(0, 9)},
        optional={"n": st.integers(-5, 5) | st.none(), "f": st.floats(0, 1) | st.integers(0, 9),
                  "s": st.text(max_size=5), "any": NESTED, "l": st.lists(SCALARS, max_size=2)},
    ),
    min_size=1, max_size=40,
)  # fmt: skip


@given(rows=ROWS, size=st.integers(1, 300))
def test_json_lines_pieces__of_any_size_hold_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "pieces.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = in_memory(JsonLinesPieces(path, lambda _: None, "", size))
    assert table.height == len(rows)
    assert set(table.columns) == {name for row in rows for name in row}
    for name in table.columns:
        for written, held in zip((row.get(name) for row in rows), table[name], strict=True):
            assert same(written, held), (written, held, table.schema[name])
    assert table.equals(in_memory(JsonLinesPieces(path, lambda _: None, "", 1 << 20)))


# What the quick way through a piece may meet: it has to leave it to the thorough one.
LINES = [
    '{"a":1}', '{"a":-0}', '{"a":2.5}', '{"a":1e3}', '{"a":1e400}', '{"a":NaN}', '{"a":null}',
    '{"a":9007199254740993}', '{"a":9223372036854775808}', '{"a":"x"}', '{"a":true}', "{}", "",
    '{"a":"2013-01-01"}', '{"a":"2013-01-01T00:00:00Z"}', '{"a":[1]}', '{"a":{"a":1}}',
    '{"a":{}}', '{"b":true}', '{"b":null,"a":1}', ' {"a":1}', '{"a":1} ', '{"a":"\\u00fc"}',
    '{"a":"\\ud800"}', '{"a":1}{"a":2}', '{"a":1},', '{"a":1}x', '{"a":', "1}", '{"a":01}',
    '{"a":1,"a":2}', "[1]", "null", '{"a":\n{"a":1}}', '{"a":"x\ty"}', '{"a":1,}', "{'a':1}",
    '{"a":300}', '{"a":"secret',
]  # fmt: skip


@given(
    start=st.sampled_from(LINES),
    some=st.lists(st.sampled_from(LINES[:8]), max_size=6),
    odd=st.lists(st.sampled_from(LINES), max_size=2),
    rest=st.lists(st.sampled_from(LINES[:12]), max_size=6),
    declared=st.sampled_from([None, pl.Int8(), pl.Float32(), pl.String(), pl.Date(), pl.Boolean()]),
    size=st.integers(5, 60),
)
def test_json_lines_pieces__quick_way_finds_what_the_thorough_one_does(
    tmp_path_factory: pytest.TempPathFactory,
    start: str,
    some: list[str],
    odd: list[str],
    rest: list[str],
    declared: pl.DataType | None,
    size: int,
) -> None:
    path = tmp_path_factory.getbasetemp() / "lines.jsonl"
    path.write_text("\n".join([start, *some, *odd, *rest]))

    def found(size: int) -> pl.DataFrame | str:
        try:
            return in_memory(JsonLinesPieces(path, {"a": declared}.get, "", size))
        except DataError as error:
            return error.what

    thorough, quick = found(1 << 20), found(size)
    if isinstance(thorough, pl.DataFrame) and isinstance(quick, pl.DataFrame):
        assert quick.schema == thorough.schema
        assert quick.equals(thorough)
    else:
        assert isinstance(quick, str)
        assert isinstance(thorough, str)
        # Bad text is seen a piece at a time, after all lines of the piece.
        assert quick == thorough or "surrogate" in quick + thorough


def test_read_plain__lines_without_surprises() -> None:
    types = {"a": pl.Int64(), "b": pl.String(), "c": pl.Null()}
    content = b'{"a":1,"b":"x"}\n{"b":"\\u00fc","c":null}'
    assert read_plain(content, types) is not None
    assert read_plain(content, types).rows() == [(1, "x", None), (None, "ü", None)]
    assert read_plain(content, {"a": pl.Int64()}) is None


def test_json_lines_pieces__key_that_comes_late_and_says_nothing(path: Path) -> None:
    path.write_text('{"a":1}\n' * 9 + '{"a":1,"b":null}\n')
    table = in_memory(JsonLinesPieces(path, lambda _: None, "", 30))
    assert (table.height, table.schema) == (10, {"a": pl.Int64, "b": pl.String})


def same(written: Any, held: Any) -> bool:
    """Whether a value is as it was written, or its JSON where a column of text holds it."""
    if isinstance(held, pl.Series):
        held = held.to_list()
    if type(held) is str and type(written) is not str:
        return bool(json.loads(held) == written)
    if isinstance(written, list) and isinstance(held, list):
        return len(written) == len(held) and all(map(same, written, held))
    if isinstance(written, dict) and isinstance(held, dict):
        return written.keys() <= held.keys() and all(
            same(written.get(name), value) for name, value in held.items()
        )
    return bool(written == held) and isinstance(written, bool) == isinstance(held, bool)


def test_open_files__json_lines_are_kept_as_parquet_in_their_order(
    path: Path, tmp_path: Path
) -> None:
    # More than one piece; near the end another type, and another key.
    rows = 250_000
    lines = "".join(f'{{"n":{n},"x":{n % 7}}}\n' for n in range(rows))
    path.write_text(lines + '{"n":250000,"x":0.5,"late":[{"a":1}]}\n')
    (file,) = open_files([Location("a.jsonl", str(path))], tmp_path / "work")
    assert (file.rows, file.schema["x"]) == (rows + 1, pl.Float64)
    assert len(list((tmp_path / "work").rglob("*.parquet"))) > 1
    table = file.scan().collect(engine="streaming")
    assert dict(table.schema) == dict(file.schema)
    assert table["n"].equals(pl.Series("n", range(rows + 1)))
    assert table["x"].tail(2).to_list() == [(rows - 1) % 7, 0.5]
    assert table["late"].drop_nulls().to_list() == [[{"a": 1}]]


def test_json_lines_pieces__line_without_an_end(path: Path) -> None:
    path.write_bytes(b'{"a":1}\n{"a":"' + b"x" * (65 << 20))
    with pytest.raises(DataError, match="line 2 is longer than 64 MiB"):
        read_table(path)
