"""The trained model, held to behaviours.py. A stage of the pipeline: a model that does not pass it
is not judged any further.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from flight_delay import contract
from flight_delay.predict import Predictor

from behaviours import BETWEEN, HIGHER, SAME, Values

MODEL, EXAMPLES = Path("models/model"), Path("reports/examples.jsonl")

pytestmark = pytest.mark.skipif(
    not (MODEL.exists() and EXAMPLES.exists()), reason="no trained model yet: `make pipeline`"
)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(MODEL)


@pytest.fixture(scope="module")
def requests() -> list[Values]:
    return [json.loads(line)["request"] for line in EXAMPLES.read_text().splitlines()]


def predict(predictor: Predictor, requests: list[Values], values: Values) -> NDArray[np.float64]:
    return predictor(contract.frame([contract.Row(**{**one, **values}) for one in requests]))


def hold(holds: bool | np.bool, otherwise: str) -> None:
    """An assertion whose message is for whoever changed the model, not the test."""
    if not holds:
        pytest.fail(otherwise, pytrace=False)


def test_model__other_rows_of_a_request_do_not_matter(
    predictor: Predictor, requests: list[Values]
) -> None:
    together = predict(predictor, requests, {})
    alone = [predict(predictor, [request], {})[0] for request in requests]
    for others in (predict(predictor, requests[::-1], {})[::-1], alone):
        assert np.allclose(together, others, rtol=0, atol=1e-9)


@pytest.mark.parametrize("why", SAME)
def test_model__is_the_same(predictor: Predictor, requests: list[Values], why: str) -> None:
    one, other = SAME[why]
    moved = np.abs(predict(predictor, requests, one) - predict(predictor, requests, other))
    worst = int(moved.argmax())
    hold(
        moved[worst] < 1e-9,
        f"{why}: but with {other} in the place of {one} it moves {moved[worst]:.4g}, "
        f"as for {requests[worst]}",
    )


@pytest.mark.parametrize("why", HIGHER)
def test_model__is_higher(predictor: Predictor, requests: list[Values], why: str) -> None:
    low, high, by = HIGHER[why]
    before = predict(predictor, requests, low).mean()
    after = predict(predictor, requests, high).mean()
    hold(
        after - before >= by,
        f"{why}: {high} must give at least {by:g} more than {low}, "
        f"but it gives {after:.4f} and {before:.4f}",
    )


@pytest.mark.parametrize("why", BETWEEN)
def test_model__is_between(predictor: Predictor, requests: list[Values], why: str) -> None:
    values, least, most = BETWEEN[why]
    given = predict(predictor, requests, values).mean()
    hold(
        least <= given <= most,
        f"{why}: {values} must give {least:g} to {most:g}, but it gives {given:.4f}",
    )
