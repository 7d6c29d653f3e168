"""Score a table with a model: run by champion.py in the environment of the model, never imported.

usage: python program.py MODEL FOLDER

It may import only what every MLflow model's environment holds (mlflow, pandas, numpy), and keeps
to Python 3.8. What it reads and writes is described in exchange.py.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")


def main(model_folder: str, folder: Path) -> int:
    """Exit code 0 with an answer in `folder`; 1 with what went wrong, and at which stage."""
    (folder / "started").touch()
    stage = "import"
    outcome: dict[str, Any]
    try:
        import mlflow.pyfunc
        import numpy
        import pandas  # noqa: F401 - to tell a broken environment from a broken model

        stage = "load"
        model = mlflow.pyfunc.load_model(model_folder)
        inputs = read_inputs(folder)
        stage = "predict"
        result = model.predict(inputs)
        stage = "answer"
        arrays: dict[str, Any] = {}
        columns = [
            describe(name, values, f"c{number}", arrays)
            for number, (name, values) in enumerate(columns_of(result, len(inputs)))
        ]
        numpy.savez(folder / "answer.npz", **arrays)
        outcome = {"columns": columns, "classes": classes_of(model)}
    except Exception as error:
        traceback.print_exc()
        outcome = {"stage": stage, "error": f"{type(error).__name__}: {error}"}
    (folder / "answer.json").write_text(json.dumps(outcome), encoding="utf-8")
    return 0 if "columns" in outcome else 1


def read_inputs(folder: Path) -> Any:
    """The data frame that pandas.read_parquet would give, by and large."""
    import numpy
    import pandas

    described = json.loads((folder / "inputs.json").read_text(encoding="utf-8"))
    with numpy.load(folder / "inputs.npz", allow_pickle=False) as arrays:
        columns = {item["name"]: read_column(item, arrays) for item in described["columns"]}
    return pandas.DataFrame(columns, index=pandas.RangeIndex(described["rows"]))


def read_column(item: Any, arrays: Any) -> Any:
    import numpy
    import pandas

    kind = item["kind"]
    if kind == "array":
        values = pandas.Series(arrays[item["array"]])
        if item.get("zone"):
            values = values.dt.tz_localize("UTC").dt.tz_convert(item["zone"])
        return values
    if kind == "date":
        return pandas.Series(arrays[item["array"]].tolist(), dtype=object)
    if kind == "category":
        return pandas.Series(
            pandas.Categorical.from_codes(arrays[item["array"]], categories=item["categories"])
        )
    if kind == "lists":
        cells = [None if cell is None else numpy.array(cell) for cell in item["values"]]
        return pandas.Series(cells, dtype=object)
    # A type of its own in pandas 3, objects before.
    dtype = pandas.Series([""]).dtype if kind == "text" else object
    return pandas.Series(item["values"], dtype=dtype)


def columns_of(result: Any, rows: int) -> list[tuple[str | None, Any]]:
    """(name, values) of each column of a model's answer; name is None where it has none."""
    import numpy
    import pandas

    if isinstance(result, dict):
        result = pandas.DataFrame(result)
    if isinstance(result, pandas.Series):
        result = result.to_frame()
    if isinstance(result, pandas.DataFrame):
        if result.index.dtype.kind == "i":
            # A model that sorted its rows says so in the index.
            ordered = result.sort_index()
            result = ordered if ordered.index.equals(pandas.RangeIndex(rows)) else result
        names = list(result.columns)
        named = names != list(range(len(names)))
        return [
            (str(name) if named else None, result.iloc[:, number])
            for number, name in enumerate(names)
        ]
    array = numpy.asarray(result.toarray() if hasattr(result, "toarray") else result)
    if array.ndim not in (1, 2):
        raise ValueError(f"{type(result).__name__} of {array.ndim} dimensions, neither 1 nor 2")
    return [(None, column) for column in ([array] if array.ndim == 1 else array.T)]


def describe(name: str | None, values: Any, key: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """One column of the answer: numbers go into `arrays` below `key`, text into the JSON."""
    import numpy
    import pandas

    # Through a list: a column of objects that are all numbers is one of numbers.
    series = pandas.Series(list(values))
    plain = numpy.asarray(series)
    if plain.dtype.kind in "biuf":
        arrays[key] = plain
        return {"name": name, "kind": "array", "array": key}
    cells = [None if gap else cell for cell, gap in zip(plain, series.isna())]  # noqa: B905
    odd = next((cell for cell in cells if cell is not None and not isinstance(cell, str)), None)
    if odd is not None:
        raise TypeError(f"the answer holds {odd!r} ({type(odd).__name__}): neither number nor text")
    return {"name": name, "kind": "text", "values": cells}


def classes_of(model: Any) -> list[str] | None:
    """The names of the classes in the order of the model's probabilities, where it says them."""
    import numpy

    try:
        names = numpy.asarray(model.get_raw_model().classes_).tolist()
    except Exception:  # older MLflow, another flavor, no classifier
        return None
    # 1, 1.0 and True are the same class, as in a predictions table.
    whole = [int(n) if isinstance(n, (bool, float)) and n == int(n) else n for n in names]
    return [str(name) for name in whole]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
