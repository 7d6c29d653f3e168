"""The work that executors do finds what one machine finds, in any stretches and partitions."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cloudpickle
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from test_engines import part_of

from fake_spark import FakeSession
from generated_schemas import Backend, schemas
from tidegate.data.engines.by_pandera import CheckCrashedError
from tidegate.data.engines.findings import Found, Held, RefusedError
from tidegate.data.engines.running import hold
from tidegate.data.parts import Part
from tidegate.data.schemas import Schema
from tidegate.data.spark import cluster, stretches
from tidegate.data.spark.holding import hold_on_spark


@pytest.fixture(autouse=True)
def pyspark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", cast(Any, SimpleNamespace(cloudpickle=cloudpickle)))


def on_spark(schema: Schema, part: Part) -> Held:
    return hold_on_spark(schema, part, Path("/nowhere"), cast(Any, FakeSession()))


def told(found: Found) -> Found:
    """What is told of it, save the engine that ran it: of one that has no answer nothing is."""
    if found.failing is None:
        return Found(found.rule, None)
    return replace(found, engine="polars")


def outcome(held: Callable[[Schema, Part], Held], schema: Schema, part: Part) -> Any:
    """What is told of what was found, or of what was raised."""
    try:
        found = held(schema, part)
    except CheckCrashedError as crash:
        return crash.rule, type(crash.cause).__name__
    return [told(one) for one in found.found], found.blocked


@pytest.mark.parametrize("backend", ["polars", "pandas"])
@given(st.data())
def test_hold_on_spark__finds_what_hold_finds(backend: Backend, data: st.DataObject) -> None:
    definition, table = data.draw(schemas(backend))
    cuts = data.draw(st.lists(st.integers(1, table.height), max_size=2, unique=True))
    part = part_of(table, [cut for cut in cuts if cut < table.height])
    schema = Schema("test", backend, definition)
    note(f"{definition}\n{table}")
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setattr(stretches, "SENT_VALUES", data.draw(st.sampled_from([0, 10**6])))
        patch.setattr(stretches, "STRETCH_ROWS", data.draw(st.integers(1, 9)))
        patch.setattr(cluster, "PART_KEYS", data.draw(st.integers(1, 9)))
        try:
            there = outcome(on_spark, schema, part)
        except RefusedError as refusal:
            refused = [rule for rule, _ in refusal.rules if rule is not None]
        else:
            assert there == outcome(hold, schema, part)
            return
        if refused:
            with suppress(CheckCrashedError):
                by_pandera = [one.rule for one in hold(schema, part).found if one.why]
                assert {*refused} <= {*by_pandera}
