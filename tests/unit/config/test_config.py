from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tidegate import config as configs
from tidegate.config import Config
from tidegate.errors import ConfigError

# A config with every section.
WHOLE = """\
version: 1
service: flight-delay
model: flight-delay
task: binary
data:
  flights:
    path: data/flights/*.parquet
    schema: src/flight_delay/schemas.py:Flights
    max-failing-rows: 0
    redact: [tailnum]
    reference: data/reference.parquet
evaluation:
  predictions: reports/predictions.parquet
  key: [flight_id]
  label: delayed
  score: probability
  cluster: date
  slices: [carrier, origin, [carrier, origin]]
gate:
  mode: enforce
  confidence: 0.95
  min-slice-rows: 200
  on-inconclusive: fail
  on-missing-baseline: absolute-only
  metrics:
    roc-auc: {min: 0.68, max-regression: 0.005}
    log-loss: {max-regression: 0.01}
    expected-calibration-error: {max: 0.05}
  slice-metrics:
    roc-auc: {max-regression: 0.02}
  budgets: {latency-p95-ms: 50, image-size-mb: 1500, memory-mb: 1024, train-minutes: 20}
registry:
  {tracking-uri: sqlite:///mlflow.db, champion-alias: champion, challenger-alias: challenger}
environments:
  staging:    {deploy: {kind: docker, port: 8081}}
  production:
    {after: staging, soak-minutes: 30, approval: environment, deploy: {kind: docker, port: 8080}}
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Config]:
    def read(text: str) -> Config:
        (tmp_path / "tidegate.yaml").write_text(text)
        return configs.load(tmp_path / "tidegate.yaml")

    return read


def changed(*place: str, value: Any) -> str:
    """The whole config with one value changed; None takes the key out."""
    tree = copy.deepcopy(yaml.safe_load(WHOLE))
    section = tree
    for part in place[:-1]:
        section = section[part]
    if value is None:
        del section[place[-1]]
    else:
        section[place[-1]] = value
    return yaml.safe_dump(tree, sort_keys=False)


def test_load__every_section(load: Callable[[str], Config]) -> None:
    config = load(WHOLE)
    assert config.data["flights"].schema_reference == "src/flight_delay/schemas.py:Flights"
    assert config.evaluation is not None
    columns = [[part.column for part in group] for group in config.evaluation.slices]
    assert columns == [["carrier"], ["origin"], ["carrier", "origin"]]
    assert config.environments["production"].approval == "environment"
    assert config.is_last("production")
    assert not config.is_last("staging")


def test_load__three_lines_are_enough_for_data_checks(
    load: Callable[[str], Config], tmp_path: Path
) -> None:
    config = load("data:\n  orders:\n    {path: data, schema: schemas.py:Orders}\n")
    assert config.service == tmp_path.name.lower()
    assert config.model == config.service


@pytest.mark.parametrize(
    ("text", "line_with", "message"),
    [
        (
            WHOLE.replace("min-slice-rows", "min-slice-row"),
            "min-slice-row:",
            "did you mean 'min-slice-rows'?",
        ),
        (WHOLE.replace("  label: delayed\n", ""), "evaluation:", "evaluation.label is missing"),
        (WHOLE.replace("confidence: 0.95", "confidence: high"), "confidence", "gate.confidence"),
        (WHOLE.replace("confidence: 0.95", "confidence: 1.5"), "confidence", "less than 1"),
        (WHOLE.replace("task: binary", "task: ranking"), "task", "task"),
        (WHOLE.replace("roc-auc: {min", "roc-acu: {min"), "roc-acu", "did you mean 'roc-auc'?"),
        (
            WHOLE.replace("latency-p95-ms: 50", "latency: 50"),
            "latency",
            "'latency' is no known budget",
        ),
        (
            WHOLE.replace("latency-p95-ms: 50", "latency-p95-ms: {}"),
            "latency-p95-ms",
            "set max, max-increase or min",
        ),
        (
            WHOLE.replace("latency-p95-ms: 50", "latency-p95-ms: {min: 5, max: 4}"),
            "latency-p95-ms",
            "min 5 is above max 4",
        ),
        (
            WHOLE.replace("latency-p95-ms: 50", "throughput-rps: 50"),
            "gate:",
            "write {min: 50}",
        ),
        (WHOLE.replace("{max-regression: 0.01}", "{}"), "log-loss", "a metric without a bound"),
        (
            WHOLE.replace("max-failing-rows: 0", "max-failing-rows: 5 %%"),
            "max-failing-rows",
            "neither a count",
        ),
        (
            WHOLE.replace("max-failing-rows: 0", "max-failing-rows: -1"),
            "max-failing-rows",
            "neither a count",
        ),
        (WHOLE.replace("after: staging", "after: stagign"), "stagign", "did you mean 'staging'?"),
        (
            WHOLE.replace("staging:    {", "staging: {after: production, "),
            "staging:",
            "wait for each other",
        ),
        (
            WHOLE.replace("approval: environment", "approval: dispatch"),
            "production:",
            "needs approvers",
        ),
        (
            WHOLE.replace("{kind: docker, port: 8080}", "{kind: docker}"),
            "kind: docker}",
            "needs port",
        ),
        (WHOLE.replace("port: 8080", "port: 123456"), "123456", "65535"),
        (
            WHOLE.replace("{kind: docker, port: 8080}", "{kind: kubernetes}"),
            "kind: kubernetes}",
            "needs overlay",
        ),
        (
            WHOLE.replace("{kind: docker, port: 8080}", "{kind: kubernetes, overlay: deploy}"),
            "overlay: deploy",
            "given images by digest",
        ),
        (
            WHOLE.replace("score: probability", "score: a\n  prediction: b"),
            "evaluation:",
            "exactly one of",
        ),
        (WHOLE.replace("score: probability", "prediction: late"), "roc-auc", "needs a probability"),
        (WHOLE.replace("service: flight-delay", "service: Flight Delay"), "service", "service"),
        (WHOLE + "task: binary\n", "task: binary", "stands here twice"),
        (WHOLE + "  - nonsense", "nonsense", "not valid YAML"),
        (changed("gate", "metrics", value={}), None, "a gate without rules is no gate"),
        ("", None, "empty"),
        ("- 1\n", None, "not a mapping"),
    ],
)
def test_load__mistake_is_one_clear_message_with_its_line(
    load: Callable[[str], Config], text: str, line_with: str | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=r"tidegate\.yaml") as caught:
        load(text)
    assert message in str(caught.value)
    assert caught.value.remedy
    if line_with is not None:
        number = int(str(caught.value.where).rpartition(":")[2])
        assert line_with in text.splitlines()[number - 1]


def test_load__several_mistakes_are_all_named(load: Callable[[str], Config]) -> None:
    text = WHOLE.replace("cluster:", "clsuter:").replace("mode: enforce", "mode: strict")
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert "did you mean 'cluster'?" in str(caught.value)
    assert "gate.mode" in str(caught.value)


# Each line is ten of the one before: a billion values.
ALIASES = "a: &a [1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in pairwise("abcdefghij")
)


@pytest.mark.parametrize("text", [ALIASES, "a: &a [*a]", f"a: {'[' * 5_000}"])
def test_load__text_that_no_machine_gets_to_the_end_of_is_refused(
    load: Callable[[str], Config], text: str
) -> None:
    with pytest.raises(ConfigError, match=r"aliases written out|nested too deep"):
        load(text)


def test_load__no_file_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no config here") as caught:
        configs.load(tmp_path / "tidegate.yaml")
    assert "--config" in str(caught.value.remedy)


def test_need__missing_section_is_named(load: Callable[[str], Config]) -> None:
    config = load("service: shop\n")
    for need, section in (
        (config.need_evaluation, "evaluation"),
        (config.need_gate, "gate"),
        (config.need_image, "image"),
    ):
        with pytest.raises(ConfigError, match=f"the section '{section}' is missing"):
            need()


def test_need__unknown_name_suggests_the_nearest(load: Callable[[str], Config]) -> None:
    with pytest.raises(ConfigError, match="did you mean 'production'"):
        load(WHOLE).need_environment("prodution")


def test_tolerated_rows__share_is_of_the_rows(load: Callable[[str], Config]) -> None:
    config = load(changed("data", "flights", "max-failing-rows", value="0.1%"))
    assert config.data["flights"].tolerated_rows(5_500) == 5


def test_gate_digest__changes_with_the_bar_and_with_nothing_else(
    load: Callable[[str], Config],
) -> None:
    before = load(WHOLE).gate_digest
    assert load(WHOLE.replace("port: 8080", "port: 9090")).gate_digest == before
    assert load(WHOLE.replace("min: 0.68", "min: 0.6")).gate_digest != before


def test_json_schema__accepts_the_example_and_refuses_an_unknown_key() -> None:
    schema = Config.model_json_schema(by_alias=True)
    tree = yaml.safe_load(WHOLE)
    jsonschema.validate(tree, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**tree, "gates": {}}, schema)
