"""The line of a column's declaration, in every form in which a schema may be written."""

from __future__ import annotations

from pathlib import Path

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.github.schema_lines import line_of, schema_file

CLASSES = '''
import pandera.polars as pa

class Base(pa.DataFrameModel):
    flight_id: int = pa.Field(unique=True)
    origin: str

class Flights(Base):
    """The contract."""

    origin: str = pa.Field(isin=["JFK", "LGA"])
    name: str = pa.Field(
        alias="the carrier | its name",
    )
    delays: float = pa.Field(alias="delay_.*", regex=True)
    delay_total: float

    @pa.check("origin")
    def upper(cls, data):
        return True

    class Config:
        strict = True
'''
OBJECTS = """
import pandera.polars as pa

COLUMNS = {
    "shared": pa.Column(int),
}

try:
    Flights = pa.DataFrameSchema(
        {
            **COLUMNS,
            "carrier": pa.Column(
                str,
                pa.Check.isin(["AA"]),
            ),
            "delay_.*": pa.Column(float, regex=True),
        },
        strict=True,
    )
except ImportError:
    Flights: pa.DataFrameSchema = None

def unused():
    Flights = {"carrier": 1}

Weather = Flights.add_columns({"wind": pa.Column(float)})
"""


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("origin", "    origin: str = pa.Field("),
        ("flight_id", "    flight_id: int"),
        ("the carrier | its name", "    name: str"),
        ("delay_dep", "    delays: float"),
        ("delay_total", "    delay_total: float"),
        ("name", "class Flights"),
        ("strict", "class Flights"),
        (None, "class Flights"),
    ],
)
def test_line_of__class__is_the_line_of_the_field(column, expected):
    line = line_of(CLASSES, "Flights", column)

    assert CLASSES.splitlines()[line - 1].startswith(expected)


@pytest.mark.parametrize(
    ("name", "column", "expected"),
    [
        ("Flights", "carrier", '            "carrier"'),
        ("Flights", "delay_dep", '            "delay_.*"'),
        ("Flights", "shared", '    "shared"'),
        ("Weather", "wind", "Weather ="),
        ("Weather", "shared", '    "shared"'),
        ("COLUMNS", "shared", '    "shared"'),
        ("Weather", "unknown", "Weather ="),
    ],
)
def test_line_of__object__is_the_line_of_the_key(name, column, expected):
    line = line_of(OBJECTS, name, column)

    assert OBJECTS.splitlines()[line - 1].startswith(expected)


def test_line_of__defined_twice__is_the_last_one():
    assert line_of("Flights = {'a': 1}\nFlights = {'b': 1}\n", "Flights", "a") == 2


def test_line_of__classes_that_name_each_other__come_to_an_end():
    assert line_of("class A(B):\n    x: int\nclass B(A):\n    y: int\n", "A", "y") == 4
    assert line_of("A = {**A}\n", "A", "y") == 1


@pytest.mark.parametrize("write", ["to_yaml", "to_json"])
def test_line_of__document_that_pandera_wrote__is_the_line_of_the_column(write):
    columns = {"carrier": pa.Column(str), "delay_.*": pa.Column(float, regex=True)}
    schema = pa.DataFrameSchema({**columns, "a: b": pa.Column(pl.Int64)})
    text = schema.to_yaml() if write == "to_yaml" else schema.to_json(indent=2)
    lines = text.splitlines()

    for column in ("carrier", "a: b"):
        line = line_of(text, None, column)
        assert lines[line - 1].strip().strip("?\"' ").startswith(column)
    assert "delay_.*" in lines[line_of(text, None, "delay_dep") - 1]
    assert line_of(text, None, "columns") == line_of(text, None, None) == 1


def test_line_of__json_with_tabs__is_read_too():
    assert line_of('{\n\t"columns": {\n\t\t"a": {}\n\t}\n}\n', None, "a") == 3


@pytest.mark.parametrize("text", ["class Flights(", "\x00", "x = 1", "", "Flights = None"])
def test_line_of__python_without_the_schema__is_unknown(text):
    assert line_of(text, "Flights", "a") is None


@pytest.mark.parametrize("text", ["a: [", "- a", "", "\x00", "text"])
def test_line_of__document_that_is_no_mapping__is_unknown(text):
    assert line_of(text, None, "a") is None


@pytest.mark.parametrize("text", ["columns: [a]", "columns:", "columns: {a: [regex]}", "[a]: 1"])
def test_line_of__document_of_another_shape__does_not_stumble(text):
    assert line_of(text, None, "b") == 1


@settings(deadline=None)
@given(st.text(), st.sampled_from(["Flights", None]), st.text())
def test_line_of__any_text__is_a_line_of_it_or_unknown(text, name, column):
    line = line_of(text, name, column)

    assert line is None or 1 <= line <= text.count("\n") + 1


@settings(deadline=None)
@given(
    columns=st.lists(st.text(min_size=1), min_size=1, unique=True),
    before=st.integers(0, 5),
)
def test_line_of__any_column_names__each_is_found_where_it_stands(columns, before):
    head = "\n" * before
    python = head + "Flights = Schema({\n" + "".join(f"{name!r}: 1,\n" for name in columns) + "})\n"

    for number, column in enumerate(columns, start=before + 2):
        assert line_of(python, "Flights", column) == number


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("src/shop/schemas.py:Orders", "src/shop/schemas.py"),
        ("shop.schemas:Orders", "src/shop/schemas.py"),
        ("shop:Orders", "src/shop/__init__.py"),
        ("rules.orders:Orders", "rules/orders.py"),
        ("rules/orders.yaml", "rules/orders.yaml"),
        ("missing.py:Orders", None),
        ("pandera:Orders", None),
        ("missing.json", None),
    ],
)
def test_schema_file__each_reference__is_below_the_service(tmp_path, reference, expected):
    touch(
        tmp_path,
        "src/shop/__init__.py",
        "src/shop/schemas.py",
        "rules/orders.py",
        "rules/orders.yaml",
    )

    found = schema_file(reference, tmp_path)
    assert (found and found.as_posix()) == expected
