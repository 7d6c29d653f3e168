"""The rules of a dataset in words: what each asks, and what to do where it is broken.

A check's name is pandera's own (`isin(['AA', 'DL'])`) or the schema's author's; its arguments are
cut where they are long. Nothing here is escaped yet: `Words.spelt` takes what quotes the arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Family = Literal[
    "column",
    "unknown-column",
    "order",
    "type",
    "null",
    "unique",
    "set",
    "range",
    "text",
    "foreign-key",
    "freshness",
    "rows",
    "categories",
    "own",
    "drift",
    "undecided-drift",
]


@dataclass(frozen=True)
class Words:
    """A sentence with places for values, such as `at least {}` and `0`.

    prose: its one value is a sentence itself, which somebody else wrote.
    """

    sentence: str
    values: tuple[str, ...] = ()
    prose: bool = False

    def spelt(self, quote: Callable[[str], str] = str, text: Callable[[str], str] = str) -> str:
        """quote and text: make a value, or a sentence, fit for where it is shown."""
        return self.sentence.format(*map(text if self.prose else quote, self.values))


# The schema's own demands, which pandera gives names.
_STRUCTURE: Mapping[str, tuple[Family, str]] = {
    "column_in_dataframe": ("column", "the column is there"),
    "column_in_schema": ("unknown-column", "only columns that the schema knows"),
    "column_ordered": ("order", "columns in the schema’s order"),
    "not_nullable": ("null", "never empty"),
    "field_uniqueness": ("unique", "no value twice"),
    "multiple_fields_uniqueness": ("unique", "no combination twice"),
}
# pandera's built-in checks with one value.
_ONE: Mapping[str, tuple[Family, str]] = {
    "equal_to": ("set", "equal to {}"),
    "not_equal_to": ("set", "anything but {}"),
    "greater_than": ("range", "more than {}"),
    "greater_than_or_equal_to": ("range", "at least {}"),
    "less_than": ("range", "less than {}"),
    "less_than_or_equal_to": ("range", "at most {}"),
    "isin": ("set", "one of {}"),
    "notin": ("set", "none of {}"),
    "unique_values_eq": ("set", "all of {} and nothing else"),
    "str_matches": ("text", "text that matches {}"),
    "str_contains": ("text", "text that contains {}"),
    "str_startswith": ("text", "text that starts with {}"),
    "str_endswith": ("text", "text that ends with {}"),
    "str_length": ("text", "text of {} characters"),
}
# Where its values are values of the column itself: a redacted column keeps them to itself.
_WITHOUT_VALUES: Mapping[str, str] = {
    "equal_to": "equal to the value in the schema",
    "not_equal_to": "anything but the value in the schema",
    "isin": "one of the schema’s values",
    "notin": "none of the schema’s values",
    "unique_values_eq": "all of the schema’s values and nothing else",
    "str_startswith": "text with the schema’s beginning",
    "str_endswith": "text with the schema’s ending",
    "str_contains": "text that contains the schema’s pattern",
    "str_matches": "text that matches the schema’s pattern",
}
_CALL = re.compile(r"(\w+)\((.*)\)", re.DOTALL)
_BRACKETS = {"[": "]", "(": ")", "{": "}"}


def words(check: Mapping[str, Any]) -> Words:
    """What the rule asks; the check's own name where there are no words for it."""
    return _read(check)[1]


def family(check: Mapping[str, Any]) -> Family:
    """What kind of rule it is: its remedy depends on that."""
    return _read(check)[0]


def _read(check: Mapping[str, Any]) -> tuple[Family, Words]:
    name = str(check["check"])
    raw = Words("{}", (name,), prose=" " in name)
    if check["kind"] != "schema":
        return check["kind"], raw
    if name in _STRUCTURE:
        kind, sentence = _STRUCTURE[name]
        return kind, Words(sentence)
    call = _CALL.fullmatch(name)
    if call is None:
        return "own", raw
    function, inner = call.groups()
    if function == "dtype":
        return "type", Words("of type {}", (_bare(inner),))
    kind, found = _built_in(function, inner)
    if check["redacted"] and function in _WITHOUT_VALUES:
        return kind, Words(_WITHOUT_VALUES[function])
    return kind, found or replace(raw, prose=False)


def _built_in(function: str, inner: str) -> tuple[Family, Words | None]:
    """Words for a built-in check. Two values are told apart only where no third comma is."""
    bounds = inner.split(", ")
    if function == "in_range":
        return "range", Words("between {} and {}", tuple(bounds)) if len(bounds) == 2 else None
    if function == "str_length" and len(bounds) == 2:
        low, high = bounds
        if high == "None":
            return "text", Words("text of at least {} characters", (low,))
        if low == "None":
            return "text", Words("text of at most {} characters", (high,))
        return "text", Words("text of {} to {} characters", (low, high))
    if function not in _ONE:
        return "own", None
    kind, sentence = _ONE[function]
    value = _bare(inner) if function.startswith("str_") else _listed(inner)
    return kind, Words(sentence, (value,))


def _bare(text: str) -> str:
    """`'Int64'` without its quotes."""
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text


def _listed(text: str) -> str:
    """`['AA', 'DL']` without its brackets, of which the last may be cut off."""
    if text[:1] not in _BRACKETS or len(text) < 3:
        return text
    return text[1:].removesuffix(_BRACKETS[text[0]])


TITLES: Mapping[Family, str] = {
    "column": "Lost columns",
    "unknown-column": "Unknown columns",
    "order": "Order of the columns",
    "type": "Types",
    "null": "Empty values",
    "unique": "Repeated values",
    "set": "Values outside a set",
    "range": "Values out of range",
    "text": "Form of a text",
    "foreign-key": "Keys without a partner",
    "freshness": "Age of the data",
    "rows": "Number of rows",
    "categories": "Categories",
    "own": "Checks of your own",
    "drift": "Drift",
    "undecided-drift": "Undecided drift",
}
# What to do, one sentence or two for each family.
REMEDIES: Mapping[Family, str] = {
    "column": "See which step lost or renamed it, and bring it back; a column that may be missing "
    "is declared with required=False.",
    "unknown-column": "Declare it in the schema, or stop writing it.",
    "order": "Write the columns in the order of the schema, or drop ordered=True.",
    "type": "Write the type that the schema names, or name the one that is right; coerce=True "
    "converts what can be converted.",
    "null": "Find where the values get lost (a join without a partner, a field that is no longer "
    "sent). If they may be missing, declare the column with nullable=True.",
    "unique": "Look for rows that were loaded twice, and for a join that multiplies them.",
    "set": "Correct the values where they are entered. One that is new and right belongs in the "
    "schema, and the model has never seen it.",
    "range": "Look at the rows for another unit, a wrong sign or a stand-in for a missing value, "
    "such as -999. If they are right, widen the bounds.",
    "text": "See how the text is written at its source: letter case, spaces, an older form.",
    "foreign-key": "Load the other dataset as far as this one, or leave out the rows whose partner "
    "is gone.",
    "freshness": "See whether the job that delivers the data still runs, and run it again.",
    "rows": "See whether a load was cut off or ran twice. If the size is right, change rows in "
    "tidegate.yaml.",
    "categories": "See whether a value was renamed or misspelt at its source. If the change is "
    "right, take a newer reference; the model has never seen a new category.",
    "own": "Look at the check in the schema and at the rows that it names.",
    "drift": "See what changed at the source since the reference was taken. If the data is right, "
    "take a newer reference, and train on data that is like it.",
    "undecided-drift": "Compare more rows: what was found says how many would tell. Else take "
    "a reference with the same columns, name only columns that can be compared in drift.columns, "
    "or let drift warn with mode: warn.",
}
