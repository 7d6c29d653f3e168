"""A registered version scored in an environment of its own: MLflow on SQLite, and uv's own."""

from __future__ import annotations

import ast
import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version as installed
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
import pytest

from tidegate import config as configs
from tidegate import digest
from tidegate.config import Config
from tidegate.context import Context
from tidegate.errors import DataError
from tidegate.gate import record as records
from tidegate.gate.scoring import program as score_model
from tidegate.gate.scoring.champion import Unscorable, score_version
from tidegate.gate.scoring.folder import environment_arguments, model_inputs
from tidegate.gate.scoring.process import child_environ, run
from tidegate.registry import GATE_REPORT_ARTIFACT, ModelVersion, Registry

pytestmark = [
    # MLflow's own use of SQLAlchemy, and its advice on saving a model.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

CONFIG = """\
service: shop
evaluation: {predictions: candidate.parquet, key: [id, day], label: bought, score: score}
gate:
  metrics: {roc-auc: {max-regression: 0.01}}
"""
MODEL = """\
import os
import numpy as np
import pandas
import mlflow

class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: pandas.DataFrame, params=None):
        {body}

mlflow.models.set_model(Model())
"""
# One environment for every test here, of packages that the tests' own environment has cached.
REQUIREMENTS = tuple(f"{name}=={installed(name)}" for name in ("mlflow-skinny", "pandas", "numpy"))
SCORE = "return 1 / (1 + np.exp(-model_input['x'].to_numpy()))"
INPUTS = pl.DataFrame(
    {
        "day": ["mon", "tue", "mon"],
        "city": ["Aarhus", None, "Bern"],
        "id": [7, 7, 3],
        "colour": ["red", "red", "blue"],
        "x": [0.5, -1.0, 2.0],
    }
)
EXPECTED = 1 / (1 + np.exp(-INPUTS["x"].to_numpy()))

# Type and name of each input column, in the order of the model's signature.
Columns = Sequence[tuple[str, str, bool]]
COLUMNS = (("double", "x", True), ("string", "city", True))
Register = Callable[..., ModelVersion]
Score = Callable[..., pl.DataFrame]


@pytest.fixture
def environ() -> dict[str, str]:
    if shutil.which("uv") is None:
        pytest.skip("uv is not on the PATH")
    return dict(os.environ)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "tidegate.yaml").write_text(CONFIG)
    return configs.load(tmp_path / "tidegate.yaml")


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: MLflow's migrations take a second."""
    path = tmp_path_factory.mktemp("registry") / "mlflow.db"
    assert Registry(f"sqlite:///{path}", "shop").champion() is None
    return path


@pytest.fixture
def registry(config: Config, empty_database: Path) -> Registry:
    shutil.copy(empty_database, config.root)
    return Registry.open(config, Context(environ={}))


@pytest.fixture
def register(registry: Registry, tmp_path: Path) -> Register:
    """Save a model whose `predict` is `body` with MLflow itself, and register it."""

    def save(
        body: str = SCORE,
        *,
        columns: Columns = COLUMNS,
        requirements: tuple[str, ...] = REQUIREMENTS,
        report: Callable[[Path], dict[str, Any]] | None = None,
        change: Callable[[Path], object] = lambda _: None,
        tags: Mapping[str, str] = MappingProxyType({}),
    ) -> ModelVersion:
        # Here, so that what mlflow warns of when it is imported is ignored, too.
        from mlflow.models import ModelSignature
        from mlflow.pyfunc import save_model
        from mlflow.types import ColSpec, Schema

        specs = [ColSpec(kind, name, required) for kind, name, required in columns]
        code, model = tmp_path / "model.py", tmp_path / "saved"
        code.write_text(MODEL.format(body=body))
        shutil.rmtree(model, ignore_errors=True)
        save_model(
            model,
            python_model=str(code),
            signature=ModelSignature(Schema(specs)) if specs else None,
            pip_requirements=list(requirements),
        )
        change(model)
        files = {}
        if report is not None:
            files[GATE_REPORT_ARTIFACT] = tmp_path / "gate-model.json"
            files[GATE_REPORT_ARTIFACT].write_text(json.dumps(report(model)))
        return registry.register(model, files=files, tags=tags, alias="champion")

    return save


@pytest.fixture
def score(registry: Registry, config: Config, tmp_path: Path, environ: dict[str, str]) -> Score:
    def run_it(
        version: ModelVersion,
        inputs: pl.DataFrame = INPUTS,
        more: Mapping[str, str] = MappingProxyType({}),
        **arguments: Any,
    ) -> pl.DataFrame:
        path = tmp_path / "inputs.parquet"
        inputs.write_parquet(path)
        folder = tmp_path / "scored"
        known = environ | more
        scored = score_version(version, registry, config, path, folder, known, **arguments)
        assert scored.parent == folder
        return pl.read_parquet(scored)

    return run_it


def gate_report(model: Path) -> dict[str, Any]:
    return {"record": records.seal({"candidate": {"model_digest": digest.of_folder(model)}})}


def test_score_version__key_and_score_of_every_row_in_order(
    register: Register, score: Score
) -> None:
    body = "assert list(model_input) == ['x', 'city'], list(model_input)\n        " + SCORE
    version = register(body, report=gate_report)
    scored = score(version)
    assert scored.columns == ["id", "day", "score"]
    assert scored.select("id", "day").equals(INPUTS.select("id", "day"))
    assert scored["score"].to_numpy() == pytest.approx(EXPECTED)
    # The environment is in uv's cache: nothing is asked for a second time.
    again = score(version, more={"UV_OFFLINE": "1"})
    assert again.equals(scored)


def test_score_version__model_without_a_signature_is_given_all_but_the_key(
    register: Register, score: Score
) -> None:
    body = (
        "assert list(model_input) == ['city', 'colour', 'x'], list(model_input)\n"
        "        return pandas.DataFrame({'other': 7, 'score': 0.25}, index=model_input.index)"
    )
    assert score(register(body, columns=()))["score"].to_list() == [0.25] * 3


def test_score_version__secrets_are_not_visible_to_the_model(
    register: Register, score: Score
) -> None:
    secrets = {
        "MLFLOW_TRACKING_PASSWORD": "hunter2",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "GITHUB_TOKEN": "hunter2",
        "UV_PUBLISH_TOKEN": "hunter2",
        "UV_INDEX_PRIVATE_PASSWORD": "hunter2",
        "UV_EXTRA_INDEX_URL": "",
        "PIP_INDEX_URL": "https://ada:hunter2@nowhere.invalid/simple",
        "NO_PROXY": "http://ada:hunter2@nowhere.invalid",
    }
    body = (
        "parent = open(f'/proc/{os.getpid()}/environ').read()\n"
        "        raise RuntimeError(f'seen: {sorted(os.environ.items())} {parent!r}')"
    )
    with pytest.raises(Unscorable, match="it does not answer on these inputs") as raised:
        score(register(body), more=secrets)
    said = str(raised.value)
    assert "seen: [" in said
    assert "'HOME'" in said
    assert "hunter2" not in said
    assert not [name for name in secrets if name in said]


def test_score_version__other_folder_than_the_gate_judged_is_an_error_before_it_is_loaded(
    register: Register, score: Score, tmp_path: Path
) -> None:
    marker = tmp_path / "loaded"

    def tamper(model: Path) -> dict[str, Any]:
        report = gate_report(model)
        code = model / "model.py"
        code.write_text(f"open({str(marker)!r}, 'w')\n" + code.read_text())
        return report

    with pytest.raises(DataError, match="not the one that its gate report") as raised:
        score(register(report=tamper))
    assert not isinstance(raised.value, Unscorable)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("report", "tags"),
    [
        (lambda model: {"record": {**gate_report(model)["record"], "verdict": "pass"}}, {}),
        (lambda _: {"record": None}, {}),
        (lambda _: [], {}),
        (gate_report, {"tidegate.record-digest": "sha256:another"}),
    ],
)
def test_score_version__gate_report_that_was_changed_is_an_error(
    register: Register,
    score: Score,
    report: Callable[[Path], dict[str, Any]],
    tags: dict[str, str],
) -> None:
    with pytest.raises(DataError, match="gate report was changed") as raised:
        score(register(report=report, tags=tags))
    assert not isinstance(raised.value, Unscorable)


def test_score_version__gate_report_that_was_removed_is_an_error(
    register: Register, score: Score
) -> None:
    version = register(tags={"tidegate.record-digest": "sha256:some"})
    with pytest.raises(Exception, match="logged without tidegate/gate-model") as raised:
        score(version)
    assert not isinstance(raised.value, Unscorable)


def test_score_version__missing_input_column_is_unscorable_and_named(
    register: Register, score: Score
) -> None:
    with pytest.raises(Unscorable, match=r"inputs\.parquet does not have: city") as raised:
        score(register(), INPUTS.drop("city"))
    assert "version 1 cannot score this evaluation set" in raised.value.what
    assert "models:/shop/1" in str(raised.value.where)
    assert raised.value.remedy


def test_score_version__optional_input_column_may_be_missing(
    register: Register, score: Score
) -> None:
    version = register(columns=[("double", "x", True), ("string", "town", False)])
    assert score(version)["score"].to_numpy() == pytest.approx(EXPECTED)


def test_score_version__column_of_another_type_is_unscorable(
    register: Register, score: Score
) -> None:
    with pytest.raises(Unscorable, match="Incompatible input types for column x"):
        score(register(), INPUTS.with_columns(x=pl.lit("much")))


def test_score_version__model_that_does_not_load_is_unscorable(
    register: Register, score: Score
) -> None:
    # sklearn is in the tests' environment, where the model is saved, and not in the model's own.
    def needs_more(model: Path) -> None:
        code = model / "model.py"
        code.write_text("import sklearn\n" + code.read_text())

    with pytest.raises(Unscorable, match=r"it does not load: .*No module named 'sklearn'"):
        score(register(change=needs_more))


@pytest.mark.parametrize(
    ("body", "how"),
    [
        ("print('so far', flush=True); os._exit(3)", "ended with exit code 3"),
        ("print('so far', flush=True); os.kill(os.getpid(), 9)", "ended by SIGKILL"),
    ],
)
def test_score_version__crash_is_unscorable_and_shows_the_last_lines(
    register: Register, score: Score, body: str, how: str
) -> None:
    with pytest.raises(Unscorable, match=how) as raised:
        score(register(body))
    assert raised.value.what.endswith("so far")


def test_score_version__wrong_number_of_rows_is_unscorable(
    register: Register, score: Score
) -> None:
    with pytest.raises(Unscorable, match="it answered 3 rows with 2"):
        score(register("return model_input['x'][1:]"))


def test_score_version__answer_that_is_no_table_is_unscorable(
    register: Register, score: Score
) -> None:
    with pytest.raises(Unscorable, match=r"its answer cannot be read: .*3 dimensions"):
        score(register("return np.zeros((3, 1, 1))"))


def test_score_version__hung_model_is_killed_and_unscorable(
    register: Register, score: Score
) -> None:
    score(register())  # the environment is there: the seconds are the model's own
    with pytest.raises(Unscorable, match="did not answer within 8 seconds"):
        score(register("import time; time.sleep(600)"), timeout=8)


def test_score_version__environment_that_cannot_be_resolved_is_unscorable(
    register: Register, score: Score
) -> None:
    with pytest.raises(Unscorable, match="its environment cannot be made") as raised:
        score(register(requirements=("mlflow-skinny==0.0.99",)))
    assert "mlflow-skinny==0.0.99" in raised.value.what


def test_score_version__index_out_of_reach_says_nothing_of_the_model(
    register: Register, score: Score, tmp_path: Path
) -> None:
    cut_off = {
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
        "UV_HTTP_RETRIES": "0",
    }
    wheel = "idna @ http://127.0.0.1:9/idna-3.10-py3-none-any.whl"
    for requirements, more in (
        (REQUIREMENTS, cut_off),
        (REQUIREMENTS, {**cut_off, "UV_OFFLINE": "1"}),
        ((REQUIREMENTS[0], wheel), {"UV_HTTP_RETRIES": "0"}),
    ):
        with pytest.raises(DataError, match="environment could not be tried") as raised:
            score(register(requirements=requirements), more=more)
        assert not isinstance(raised.value, Unscorable)
        assert "UV_DEFAULT_INDEX" in str(raised.value.remedy)


def test_score_version__without_uv_is_an_error(
    register: Register, score: Score, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="uv is not on the PATH") as raised:
        score(register(), more={"PATH": str(tmp_path)})
    assert not isinstance(raised.value, Unscorable)


def test_score_version__inputs_without_key_or_rows_are_an_error(
    register: Register, score: Score
) -> None:
    version = register()
    with pytest.raises(DataError, match="no column 'day'"):
        score(version, INPUTS.drop("day"))
    with pytest.raises(DataError, match="no rows"):
        score(version, INPUTS.clear())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model: (model / "MLmodel").write_text("flavors: {}\n"), "no MLflow model"),
        (lambda model: (model / "MLmodel").write_text("{"), "no MLflow model"),
        (lambda model: (model / "requirements.txt").unlink(), "no requirements.txt"),
    ],
)
def test_score_version__folder_that_is_no_whole_model_is_unscorable(
    register: Register, score: Score, change: Callable[[Path], object], said: str
) -> None:
    with pytest.raises(Unscorable, match=said):
        score(register(change=change))


def test_model_inputs__columns_of_the_signature_in_its_order() -> None:
    listed = json.dumps([{"name": "x", "type": "double"}, {"name": "city", "type": "string"}])
    described = {"signature": {"inputs": listed}}
    selected = model_inputs(INPUTS, described, ["id", "day"], Path("inputs.parquet"))
    assert selected.columns == ["x", "city"]


@pytest.mark.parametrize("signature", [None, {"inputs": None}, {"inputs": '[{"type": "tensor"}]'}])
def test_model_inputs__without_names_all_but_the_key(signature: dict[str, str] | None) -> None:
    selected = model_inputs(INPUTS, {"signature": signature}, ["id", "day"], Path("inputs.parquet"))
    assert selected.columns == ["city", "colour", "x"]


def test_model_inputs__signature_that_cannot_be_read_is_unscorable() -> None:
    for broken in ({"inputs": "{"}, "text", {"inputs": "[3]"}):
        with pytest.raises(Unscorable, match="signature in its MLmodel cannot be read"):
            model_inputs(INPUTS, {"signature": broken}, ["id"], Path("inputs.parquet"))


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    (tmp_path / "python_env.yaml").write_text(
        "python: 3.10.4\nbuild_dependencies: [pip, setuptools==70.0.0]\n"
    )
    (tmp_path / "requirements.txt").write_text("mlflow==2.9.2\npandas\n")
    return tmp_path


DESCRIBED = {
    "mlflow_version": "2.9.2",
    "flavors": {"python_function": {"python_version": "3.9.1"}},
}


def test_environment_arguments__as_the_model_was_saved(model_folder: Path) -> None:
    assert environment_arguments(model_folder, DESCRIBED) == [
        *("--python", "3.10", "--with-requirements", str(model_folder / "requirements.txt")),
        *("--with", "pandas", "--with", "setuptools==70.0.0"),
    ]


def test_environment_arguments__without_python_env_the_flavor_says_which_python(
    model_folder: Path,
) -> None:
    (model_folder / "python_env.yaml").unlink()
    assert environment_arguments(model_folder, DESCRIBED)[:2] == ["--python", "3.9"]
    with pytest.raises(Unscorable, match="does not say which Python"):
        environment_arguments(model_folder, {"flavors": {"python_function": {}}})


@pytest.mark.parametrize(
    ("line", "mlflow_version", "added"),
    [
        ("mlflow", "2.9.2", None),
        ("mlflow_skinny>=2", "2.9.2", None),
        ("MLflow[extras] == 2.9.2", "2.9.2", None),
        ("mlflow @ https://nowhere.invalid/mlflow.whl", "2.9.2", None),
        ("mlflow-export-import==1", "2.9.2", "mlflow-skinny==2.9.2"),
        ("# mlflow", "2.9.2", "mlflow-skinny==2.9.2"),
        ("scikit-learn", "3.0.0.dev0", "mlflow-skinny"),
    ],
)
def test_environment_arguments__mlflow_is_added_where_the_file_lacks_it(
    model_folder: Path, line: str, mlflow_version: str, added: str | None
) -> None:
    (model_folder / "requirements.txt").write_text(line)
    arguments = environment_arguments(model_folder, DESCRIBED | {"mlflow_version": mlflow_version})
    assert [word for word in arguments if word.startswith("mlflow")] == ([added] if added else [])


@pytest.mark.parametrize(
    "line", ["--extra-index-url https://nowhere.invalid/cpu", "-f=https://nowhere.invalid/cpu"]
)
def test_environment_arguments__index_of_the_requirements_is_passed_on(
    model_folder: Path, line: str
) -> None:
    (model_folder / "requirements.txt").write_text(f"{line}\nmlflow\n")
    arguments = environment_arguments(model_folder, DESCRIBED)
    option = line.replace("=", " ").split()
    assert arguments[4:6] == option


def test_child_environ__what_uv_needs_and_nothing_that_steers_it_elsewhere() -> None:
    kept = {"PATH": "/bin", "https_proxy": "http://proxy", "UV_INDEX": "x", "SSL_CERT_FILE": "y"}
    steering = ["UV_PROJECT", "UV_PYTHON", "UV_ENV_FILE", "PYTHONPATH", "VIRTUAL_ENV"]
    secret = ["UV_GITHUB_TOKEN", "UV_PUBLISH_PASSWORD", "AWS_SECRET_ACCESS_KEY", "DATABASE_URL"]
    assert child_environ(kept | dict.fromkeys(steering + secret, "x")) == kept


def test_run__what_the_command_started_is_killed_with_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    program = (
        f"import fcntl, time; held = open({str(lock)!r}, 'w'); fcntl.flock(held, fcntl.LOCK_EX); "
        "print('held', flush=True); time.sleep(60)"
    )
    command = ["sh", "-c", f'{sys.executable} -c "{program}" & wait']
    started = time.monotonic()
    ended = run(command, tmp_path, {}, tmp_path / "log", 2)
    assert (ended.code, ended.tail) == (None, "held")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
    assert time.monotonic() - started < 30


def test_score_model__keeps_to_an_older_python() -> None:
    ast.parse(Path(score_model.__file__).read_text(), feature_version=(3, 8))
