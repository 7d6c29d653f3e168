import shutil
from pathlib import Path

import pytest
from mlflow.models import Model

from flight_delay import contract, features
from flight_delay.predict import Predictor

from sample import RAW, REQUEST


def test_contract__is_the_signature_that_the_model_was_saved_with(model: Path) -> None:
    contract.hold(Model.load(model).signature)


def test_row__holds_what_a_request_does_and_nothing_more() -> None:
    row = contract.Row(**REQUEST, something_else=1)
    assert [*row.model_dump()] == [*features.REQUEST]


def test_frame__has_the_types_of_raw_rows_even_without_rows() -> None:
    raw = RAW.select(list(features.REQUEST))
    built = features.build(raw).schema
    assert features.build(contract.frame([])).schema == built
    assert features.build(contract.frame([contract.Row(**REQUEST)])).schema == built


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (lambda names: names[1:], "only in the model: [^;]+; only built: none"),
        (lambda names: ["moon", *names], "only in the model: none; only built: moon"),
        (lambda names: names[::-1], "in another order"),
    ],
    ids=["a column less", "a column more", "another order"],
)
def test_predictor__refuses_a_model_of_other_columns(
    model: Path, monkeypatch: pytest.MonkeyPatch, names: object, said: str
) -> None:
    built = features.build

    def changed(raw: object) -> object:
        table = built(raw)
        table = table.with_columns(moon=table[table.columns[-1]])
        return table.select(names([name for name in table.columns if name != "moon"]))

    monkeypatch.setattr(features, "build", changed)
    with pytest.raises(contract.ContractError, match=said):
        Predictor(model)


def test_predictor__refuses_a_model_without_a_signature(model: Path, tmp_path: Path) -> None:
    bare = Path(shutil.copytree(model, tmp_path / "model"))
    saved = Model.load(bare)
    saved.signature = None
    saved.save(bare / "MLmodel")
    with pytest.raises(contract.ContractError, match="no signature"):
        Predictor(bare)
