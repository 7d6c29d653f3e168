"""Where the baseline comes from, against a real MLflow registry on SQLite."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from tidegate import config as configs
from tidegate import digest
from tidegate.config import Config
from tidegate.context import Context
from tidegate.errors import DataError, RegistryError
from tidegate.gate import baseline as baselines
from tidegate.gate.baseline import Baseline, Unscorable, resolve_baseline
from tidegate.gate.gate import GateReport, gate_model
from tidegate.gate.rows.evaluation_digest import evaluation_digest
from tidegate.gate.rows.tables import open_table
from tidegate.registry import (
    GATE_REPORT_ARTIFACT,
    PREDICTIONS_ARTIFACT,
    ModelVersion,
    Registry,
)
from tidegate.verdict import Verdict

pytestmark = [
    # MLflow's own use of SQLAlchemy, the first time that it opens a database.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

CONFIG: dict[str, Any] = {
    "service": "shop",
    "model-path": "model",
    "evaluation": {
        "predictions": "candidate.parquet", "key": "id", "label": "bought", "score": "score",
    },
    "gate": {"metrics": {"roc-auc": {"min": 0.1, "max-regression": 0.3}}},
}  # fmt: skip
RNG = np.random.default_rng(0)
LOGGED = pl.DataFrame(
    {"id": np.arange(200), "bought": np.arange(200) % 2, "score": RNG.random(200)}
).with_columns(score=0.4 * pl.col("score") + 0.5 * pl.col("bought"))
NEXT = LOGGED.with_columns(score=0.9 * pl.col("score"))
OTHER_SET = LOGGED.with_columns(id=pl.col("id") + 1_000)
Register = Callable[..., ModelVersion]
Resolve = Callable[..., Baseline | None]
Judge = Callable[..., GateReport]


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., Config]:
    def run(gate: dict[str, Any] | None = None, **evaluation: Any) -> Config:
        written = {
            **CONFIG,
            "evaluation": {**CONFIG["evaluation"], **evaluation},
            "gate": {**CONFIG["gate"], **(gate or {})},
        }
        (tmp_path / "tidegate.yaml").write_text(yaml.safe_dump(written))
        return configs.load(tmp_path / "tidegate.yaml")

    return run


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: MLflow's migrations take a second."""
    path = tmp_path_factory.mktemp("registry") / "mlflow.db"
    assert Registry(f"sqlite:///{path}", "shop").champion() is None
    return path


@pytest.fixture
def registry(configure: Callable[..., Config], tmp_path: Path, empty_database: Path) -> Registry:
    shutil.copy(empty_database, tmp_path)
    return Registry.open(configure(), Context(environ={}))


@pytest.fixture
def register(registry: Registry, tmp_path: Path) -> Register:
    def run(
        table: pl.DataFrame | None, alias: str = "champion", report: str | None = None
    ) -> ModelVersion:
        """report: what the version's gate report holds; by default there is none."""
        model = tmp_path / "model"
        model.mkdir(exist_ok=True)
        (model / "MLmodel").write_text("flavors: {}\n")
        files = {}
        if table is not None:
            table.write_parquet(tmp_path / "logged.parquet")
            files[f"{PREDICTIONS_ARTIFACT}.parquet"] = tmp_path / "logged.parquet"
        if report is not None:
            (tmp_path / "report.json").write_text(report)
            files[GATE_REPORT_ARTIFACT] = tmp_path / "report.json"
        return registry.register(model, files=files, tags={}, alias=alias)

    return run


@pytest.fixture
def resolve(configure: Callable[..., Config], registry: Registry, tmp_path: Path) -> Resolve:
    def run(
        wanted: str | None = None,
        candidate: pl.DataFrame = NEXT,
        gate: dict[str, Any] | None = None,
        open_registry: Callable[[], Registry] | None = None,
        **evaluation: Any,
    ) -> Baseline | None:
        config = configure(gate, **evaluation)
        candidate.write_parquet(tmp_path / "candidate.parquet")
        table = open_table(config, "candidate.parquet", "candidate")
        expected = evaluation_digest(table, config.need_evaluation())
        folder = tmp_path / "kept"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return resolve_baseline(
            config, wanted, table, expected, open_registry or (lambda: registry),
            Context(environ={}), folder,
        )  # fmt: skip

    return run


@pytest.fixture
def judge(configure: Callable[..., Config], registry: Registry, tmp_path: Path) -> Judge:
    """The whole gate with the champion as its baseline."""

    def run(
        candidate: pl.DataFrame,
        gate: dict[str, Any] | None = None,
        evaluation: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> GateReport:
        candidate.write_parquet(tmp_path / "candidate.parquet")
        return gate_model(
            configure(gate, **(evaluation or {})),
            Context(environ={"TIDEGATE_COMMIT": "c0ffee"}),
            open_registry=lambda: registry,
            **arguments,
        )

    return run


Scored = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scored:
    """In place of running a model: the table that it would write, and with what it was asked."""

    def run(answers: pl.DataFrame | Exception) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []
        pl.DataFrame({"id": [0], "price": [1.0]}).write_parquet(tmp_path / "inputs.parquet")

        def score(
            version: ModelVersion, registry: Registry, config: Config, inputs: Path, folder: Path,
            environ: Any, **_: Any,
        ) -> Path:  # fmt: skip
            calls.append({"version": version.version, "inputs": inputs, "folder": folder})
            if isinstance(answers, Exception):
                raise answers
            answers.write_parquet(folder / "scored.parquet")
            return folder / "scored.parquet"

        monkeypatch.setattr(baselines, "score_version", score)
        return calls

    return run


def scores_of(baseline: Baseline | None) -> list[float]:
    assert baseline is not None
    assert baseline.table is not None
    assert baseline.table.side == "baseline"
    found: list[float] = baseline.table.scan().collect()["score"].to_list()
    return found


def test_baseline__by_default_the_table_logged_with_the_champion(
    register: Register, resolve: Resolve
) -> None:
    version = register(LOGGED)
    register(LOGGED.with_columns(score=pl.lit(0.5)), alias="challenger")
    # The candidate's own scores and the order of its rows are no part of the evaluation set.
    baseline = resolve(candidate=NEXT.sample(fraction=1, shuffle=True, seed=1))
    assert baseline is not None
    assert (baseline.source, baseline.version) == ("logged", version.version)
    assert scores_of(baseline) == LOGGED["score"].to_list()
    assert baseline.to_dict()["predictions_digest"].startswith("sha256:")


@pytest.mark.parametrize("wanted", ["models:/shop@challenger", "models:/shop/2"])
def test_baseline__another_version_by_name(
    register: Register, resolve: Resolve, wanted: str
) -> None:
    register(LOGGED)
    register(NEXT, alias="challenger")
    baseline = resolve(wanted)
    assert baseline is not None
    assert baseline.version == "2"
    assert scores_of(baseline) == NEXT["score"].to_list()


def asked() -> Registry:
    raise AssertionError("the registry was asked")


def test_baseline__a_file_asks_no_registry(resolve: Resolve, tmp_path: Path) -> None:
    LOGGED.write_csv(tmp_path / "production.csv")
    baseline = resolve("production.csv", open_registry=asked)
    assert baseline is not None
    assert (baseline.source, baseline.version) == ("file", None)
    assert scores_of(baseline) == LOGGED["score"].to_list()


def test_baseline__none_asks_no_registry(resolve: Resolve) -> None:
    assert resolve("none", open_registry=asked) is None


def test_baseline__file_that_is_not_there_is_an_error(resolve: Resolve) -> None:
    with pytest.raises(DataError, match="does not exist"):
        resolve("production.csv", open_registry=asked)


@pytest.mark.parametrize(
    "logged",
    [
        OTHER_SET,
        LOGGED.with_columns(bought=1 - pl.col("bought")),
        LOGGED.head(150),
        LOGGED.drop("bought"),  # logged before a column was asked for
        None,  # registered by other means
    ],
)
def test_baseline__champion_without_this_evaluation_set_is_scored_anew(
    register: Register, resolve: Resolve, scored: Scored, logged: pl.DataFrame | None,
    tmp_path: Path,
) -> None:  # fmt: skip
    version = register(logged)
    answers = LOGGED.select("id", score=1 - pl.col("score")).reverse()
    calls = scored(answers)
    baseline = resolve(inputs="inputs.parquet")
    assert baseline is not None
    assert baseline.table is not None
    assert (baseline.source, baseline.version) == ("scored", version.version)
    found = baseline.table.scan().collect().sort("id")
    assert found["score"].to_list() == (1 - LOGGED["score"]).to_list()
    assert found["bought"].to_list() == NEXT["bought"].to_list()  # of the candidate's table
    (call,) = calls
    assert call["version"] == version.version
    assert call["inputs"] == tmp_path / "inputs.parquet"


def test_baseline__logged_table_of_this_evaluation_set_runs_no_model(
    register: Register, resolve: Resolve, scored: Scored
) -> None:
    register(LOGGED)
    calls = scored(AssertionError("the model was run"))
    baseline = resolve(inputs="inputs.parquet")
    assert baseline is not None
    assert (baseline.source, calls) == ("logged", [])


def test_baseline__scored_rows_without_a_partner_show_in_the_gate(
    register: Register, judge: Judge, scored: Scored
) -> None:
    """The labels are joined by the key: what the champion did not answer is not made up."""
    register(OTHER_SET)
    scored(LOGGED.select("id", "score").head(190))
    with pytest.raises(DataError, match="10 keys stand in the candidate's table alone"):
        judge(NEXT, evaluation={"inputs": "inputs.parquet"})
    report = judge(NEXT, evaluation={"inputs": "inputs.parquet", "max-unpaired-rows": 10})
    assert report.rows == 190
    assert report.baseline is not None
    assert report.baseline.source == "scored"
    assert report.results[0].judgement.harm is not None


def test_baseline__inputs_of_other_rows_are_an_error(
    register: Register, resolve: Resolve, scored: Scored
) -> None:
    register(OTHER_SET)
    scored(OTHER_SET.select("id", "score"))
    with pytest.raises(DataError, match=r"no row of evaluation\.inputs has a key"):
        resolve(inputs="inputs.parquet")


def test_baseline__inputs_with_a_key_of_another_width_are_the_same_rows(
    register: Register, resolve: Resolve, scored: Scored
) -> None:
    register(OTHER_SET)
    scored(LOGGED.select(pl.col("id").cast(pl.Int32), "score"))
    assert sorted(scores_of(resolve(inputs="inputs.parquet"))) == sorted(LOGGED["score"])


def test_baseline__inputs_with_a_key_of_another_type_are_an_error(
    register: Register, resolve: Resolve, scored: Scored
) -> None:
    register(OTHER_SET)
    scored(LOGGED.select(pl.col("id").cast(pl.String), "score"))
    with pytest.raises(DataError, match="key"):
        resolve(inputs="inputs.parquet")


def test_baseline__inputs_that_are_not_there_are_an_error(
    register: Register, resolve: Resolve
) -> None:
    register(OTHER_SET)
    with pytest.raises(DataError, match="inputs is not there") as raised:
        resolve(inputs="nowhere.parquet", gate={"on-unscorable-baseline": "absolute-only"})
    assert not isinstance(raised.value, Unscorable)


def test_baseline__champion_that_cannot_be_scored_is_an_error(
    register: Register, resolve: Resolve
) -> None:
    register(OTHER_SET)
    with pytest.raises(Unscorable, match="version 1 holds no predictions of this") as raised:
        resolve()
    for way in ("evaluation.inputs", "--baseline TABLE", "on-unscorable-baseline: absolute-only"):
        assert way in str(raised.value)


@pytest.mark.parametrize("inputs", [None, "inputs.parquet"])
def test_baseline__unscorable_champion_leaves_the_absolute_bounds_where_the_config_says_so(
    register: Register, judge: Judge, scored: Scored, inputs: str | None
) -> None:
    register(OTHER_SET)
    scored(Unscorable("version 1 cannot score this evaluation set: it does not load:\n  a trace"))
    report = judge(
        NEXT, {"on-unscorable-baseline": "absolute-only"}, {"inputs": inputs} if inputs else {}
    )
    assert report.verdict is Verdict.PASS
    assert report.baseline is not None
    assert (report.baseline.source, report.baseline.table) == ("unscorable", None)
    assert report.record["baseline"] == {
        "version": "1", "source": "unscorable", "predictions_digest": None,
    }  # fmt: skip
    (note,) = report.notes
    assert "ersion 1" in note
    assert note.endswith("The candidate is held to the absolute bounds alone.")
    assert report.results[0].judgement.harm is None
    scored(Unscorable("it does not load"))
    with pytest.raises(Unscorable):
        judge(NEXT, None, {"inputs": inputs} if inputs else {})


def test_baseline__unscorable_champion_without_absolute_bounds_is_no_pass(
    register: Register, judge: Judge
) -> None:
    register(OTHER_SET)
    bounds = {"metrics": {"roc-auc": {"max-regression": 0.3}}}
    with pytest.raises(DataError, match="nothing could be judged"):
        judge(NEXT, {"on-unscorable-baseline": "absolute-only", **bounds})


def test_baseline__error_of_scoring_that_is_no_unscorable_is_never_let_through(
    register: Register, judge: Judge, scored: Scored
) -> None:
    register(OTHER_SET)
    scored(DataError("uv is not on the PATH"))
    with pytest.raises(DataError, match="uv is not on the PATH"):
        judge(NEXT, {"on-unscorable-baseline": "absolute-only"}, {"inputs": "inputs.parquet"})


def report_of(model: Path) -> str:
    return json.dumps({"record": {"candidate": {"model_digest": digest.of_folder(model)}}})


@pytest.mark.parametrize("allowed_by", ["config", "option"])
def test_same_version__model_of_the_champion_is_refused_unless_asked_for(
    register: Register, judge: Judge, tmp_path: Path, allowed_by: str
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/MLmodel").write_text("flavors: {}\n")
    register(LOGGED, report=report_of(tmp_path / "model"))
    with pytest.raises(DataError, match="model and that of version 1 are the very same") as raised:
        judge(NEXT)
    assert "--allow-same-version" in str(raised.value)
    report = (
        judge(NEXT, {"allow-same-version": True})
        if allowed_by == "config"
        else judge(NEXT, allow_same_version=True)
    )
    assert report.verdict is Verdict.PASS
    assert any("are the very same" in note for note in report.notes)


def test_same_version__predictions_of_the_champion_are_refused(
    register: Register, judge: Judge
) -> None:
    register(LOGGED)
    with pytest.raises(DataError, match="predictions and those of version 1 are the very same"):
        judge(LOGGED)
    assert judge(LOGGED, allow_same_version=True).verdict is Verdict.PASS


def test_same_version__file_that_is_the_candidates_own_is_refused(judge: Judge) -> None:
    with pytest.raises(DataError, match="predictions and those of the baseline are the very same"):
        judge(NEXT, baseline="candidate.parquet")


@pytest.mark.parametrize("report", [None, "no json", "{}", '{"record": {"candidate": []}}'])
def test_same_version__another_model_is_judged_whatever_the_report_holds(
    register: Register, judge: Judge, tmp_path: Path, report: str | None
) -> None:
    register(LOGGED, report=report)
    (tmp_path / "model/MLmodel").write_text("flavors: {other: {}}\n")
    assert judge(NEXT).results[0].judgement.harm is not None


def test_baseline__no_model_yet_is_no_baseline(resolve: Resolve, judge: Judge) -> None:
    assert resolve() is None
    report = judge(NEXT)
    assert report.notes == (
        "There is no baseline yet: the candidate is held to the absolute bounds alone.",
    )
    with pytest.raises(DataError, match="there is no baseline"):
        judge(NEXT, {"on-missing-baseline": "fail"})


def test_baseline__alias_without_a_version_is_no_baseline(
    register: Register, resolve: Resolve
) -> None:
    register(LOGGED, alias="challenger")
    assert resolve() is None


def test_baseline__version_that_does_not_exist_is_an_error(
    register: Register, resolve: Resolve
) -> None:
    register(LOGGED)
    with pytest.raises(RegistryError, match="no version 9"):
        resolve("models:/shop/9")


def test_baseline__registry_that_is_damaged_is_an_error_not_a_missing_baseline(
    configure: Callable[..., Config], resolve: Resolve, tmp_path: Path
) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database")
    config = configure()
    with pytest.raises(RegistryError):
        resolve(open_registry=lambda: Registry.open(config, Context(environ={})))


@pytest.mark.parametrize("policy", ["fail", "absolute-only"])
def test_baseline__server_that_nobody_answers_at_is_an_error_not_a_missing_baseline(
    configure: Callable[..., Config], judge: Judge, resolve: Resolve, policy: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        policies = {"on-missing-baseline": policy, "on-unscorable-baseline": policy}
        config = configure(policies)
        closed = Registry.open(config, Context(environ={"MLFLOW_TRACKING_URI": address}))
        with pytest.raises(RegistryError, match="MLflow did not do as asked"):
            resolve(gate=policies, open_registry=lambda: closed)


def test_baseline__logged_table_that_cannot_be_fetched_is_an_error(
    register: Register, resolve: Resolve, registry: Registry, tmp_path: Path
) -> None:
    register(LOGGED)
    for file in tmp_path.glob("mlflow-artifacts/**/predictions.parquet"):
        file.write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read"):
        resolve(gate={"on-unscorable-baseline": "absolute-only"})
