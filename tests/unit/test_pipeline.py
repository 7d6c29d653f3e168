from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tidegate import config as configs
from tidegate import processes
from tidegate.cli import main
from tidegate.config import Config
from tidegate.errors import DataError
from tidegate.pipeline import PipelineError, pull_data, reproduce, run

PYTHON = sys.executable


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "tidegate.yaml").write_text(
        "service: shop\n"
        "data:\n  orders: {path: orders.parquet, schema: schemas.py:Orders}\n"
        "evaluation: {predictions: out.csv, key: id, label: y, score: p}\n"
    )
    return configs.load(tmp_path / "tidegate.yaml")


def test_run__failure_shows_the_last_lines_and_the_exit_code(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = "import sys; [print('line', n) for n in range(40)]; sys.exit(3)"
    with pytest.raises(PipelineError, match=r"exit code 3(?s:.*)line 39") as caught:
        run([PYTHON, "-c", code], tmp_path, os.environ)
    assert "line 5\n" not in str(caught.value)
    assert "line 0" in capfd.readouterr().err


def test_run__after_its_time_it_is_asked_to_end_and_may_say_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit('the lock is given back'))\n"
        "print('locked', flush=True)\n"
        "time.sleep(600)"
    )
    with pytest.raises(PipelineError, match=r"was ended after 1 s(?s:.*)the lock is given back"):
        run([PYTHON, "-c", code], tmp_path, os.environ, 1.0)
    assert "locked" in capfd.readouterr().err


def test_run__one_that_does_not_end_when_asked_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.2)
    code = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)"
    with pytest.raises(PipelineError, match="was ended after 1 s"):
        run([PYTHON, "-c", code], tmp_path, os.environ, 1.0)


def test_run__command_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="cannot be started"):
        run(["no-such-command-anywhere"], tmp_path, os.environ)


def test_run__own_virtual_environment_is_not_taken_for_the_services(tmp_path: Path) -> None:
    code = "import os, sys; sys.exit('VIRTUAL_ENV' in os.environ)"
    run([PYTHON, "-c", code], tmp_path, {**os.environ, "VIRTUAL_ENV": "/ours"})


def test_reproduce__writes_the_table(config: Config) -> None:
    report = reproduce(config, f"{PYTHON} -c \"open('out.csv', 'w')\"", os.environ)
    assert report.to_dict()["service"] == "shop"


def test_reproduce__pipeline_that_writes_no_table_is_an_error(config: Config) -> None:
    with pytest.raises(PipelineError, match="wrote no predictions table"):
        reproduce(config, f"{PYTHON} -c pass", os.environ)


@pytest.mark.parametrize("path", ["s3://shop/orders/*.parquet", "{folder}/orders.*"])
def test_pull_data__data_that_dvc_does_not_track_are_looked_for_where_they_are(
    tmp_path: Path, path: str
) -> None:
    (tmp_path / "orders.parquet").touch()
    (tmp_path / "tidegate.yaml").write_text(
        "data: {orders: {path: '" + path.format(folder=tmp_path) + "', schema: s.py:Orders}}\n"
    )
    pull_data(configs.load(tmp_path / "tidegate.yaml"), f"{PYTHON} -c pass", None, [], os.environ)


def pulled(config: Config) -> tuple[int, dict[str, Any]]:
    """What the verb says, with a DVC that cannot be started."""
    code = main(["pull-data", f"--config={config.path}", "--dvc=no-such-command-anywhere"])
    return code, json.loads(config.resolve("reports/tidegate/pull-data.json").read_text())


def test_pull_data__repository_without_dvc__has_nothing_to_fetch(config: Config) -> None:
    config.resolve("orders.parquet").write_text("data")
    code, report = pulled(config)
    assert (code, report["command"]) == (0, "")

    config.resolve("orders.parquet").unlink()
    code, report = pulled(config)
    assert code == 2
    assert "dataset orders is not there" in report["error"]["what"]


def test_pull_data__repository_with_dvc_above_the_service__is_asked(config: Config) -> None:
    service = config.root / "services/shop"
    service.mkdir(parents=True)
    shutil.copy(config.path, service)
    (config.root / ".dvc").mkdir()
    code, report = pulled(configs.load(service / "tidegate.yaml"))
    assert code == 2
    assert "no-such-command-anywhere" in report["error"]["what"]


def test_pull_data__data_that_is_still_missing_is_an_error(config: Config) -> None:
    with pytest.raises(DataError, match="dataset orders is not there after the pull"):
        pull_data(config, f"{PYTHON} -c pass", None, [], os.environ)


def test_pull_data__remote_is_set_for_this_checkout_alone(config: Config) -> None:
    config.resolve("orders.parquet").write_text("data")
    config.resolve("dvc.py").write_text(
        "import sys; open('calls', 'a').write(' '.join(sys.argv[1:]) + '\\n')"
    )
    pull_data(config, f"{PYTHON} dvc.py", "s3://bucket/orders", [], os.environ)
    assert config.resolve("calls").read_text().splitlines() == [
        "remote add --local --force --default tidegate s3://bucket/orders",
        "pull --allow-missing",
    ]
