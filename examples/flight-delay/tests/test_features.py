import polars as pl

from flight_delay import features, schemas

from sample import RAW, SCHEMA


def test_sample__keeps_the_contract() -> None:
    getattr(schemas, SCHEMA).validate(RAW)


def test_build__gives_the_models_columns_for_what_a_request_holds() -> None:
    built = features.build(RAW.select(list(features.REQUEST)))
    assert built.columns == [*features.CATEGORICAL, *features.NUMERIC]


def test_with_label__carries_key_label_and_context() -> None:
    labelled = features.with_label(RAW)
    assert {*features.KEY, features.LABEL, *features.CONTEXT} <= {*labelled.columns}


def test_build__does_not_look_at_the_label() -> None:
    labelled = features.with_label(RAW)
    flipped = labelled.with_columns(pl.col(features.LABEL).reverse())
    assert features.build(labelled).equals(features.build(flipped))
