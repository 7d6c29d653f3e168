"""What happens around a verb: the command line, exit codes, reports, the runner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tidegate import cli
from tidegate.cli import VERBS, main
from tidegate.cli.execution import write_atomically
from tidegate.errors import DeployError


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


def test_main__help__names_every_verb_without_importing_what_they_need():
    code = "import sys; from tidegate.cli import main; main(['--help'])"
    heavy = "{'polars', 'pandas', 'pandera', 'mlflow', 'httpx', 'jinja2', 'rich', 'docker'}"
    shown = subprocess.run(
        [sys.executable, "-c", f"import atexit, sys; atexit.register(lambda: print('LOADED', "
         f"{heavy} & set(sys.modules))); {code}"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip

    assert all(verb in shown for verb in VERBS)
    assert shown.rstrip().endswith("LOADED set()")


@pytest.mark.parametrize("verb", VERBS)
def test_main__help_of_a_verb__teaches_with_an_example(verb, capsys):
    with pytest.raises(SystemExit) as caught:
        main([verb, "--help"])

    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert f"tidegate {verb}" in shown.partition("usage: ")[2]
    assert "example" in shown


def test_main__empty_input_of_an_action__is_as_if_not_given(capsys):
    assert main(["check-data", "--config=missing.yaml", "--data=", "--schema="]) == 2
    assert "missing.yaml: there is no config here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [("schema config", 0), ("check-data", 0), ("check-data --json", 0), ("gate-model --json", 2)],
)
def test_main__nobody_reads_on__costs_neither_the_exit_code_nor_the_report(arguments, code):
    """As with `| head`, which leaves when it has seen enough."""
    Path("d.csv").write_text("a\n1\n")
    Path("schemas.py").write_text(
        "import pandera.polars as pa\nD = pa.DataFrameSchema({'a': pa.Column(int)})\n"
    )
    Path("tidegate.yaml").write_text(
        "service: d\ndata: {d: {path: d.csv, schema: 'schemas.py:D'}}\n"
    )
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [sys.executable, "-m", "tidegate", *arguments.split()],
        stdout=writes, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writes)

    assert (done.returncode, "Pipe" in done.stderr) == (code, False), done.stderr
    verb = arguments.split()[0]
    assert verb == "schema" or Path(f"reports/tidegate/{verb}.json").exists()


def test_execute__no_config__exits_2_with_both_reports_and_says_what_to_do(capsys):
    assert main(["check-data"]) == 2

    assert "remedy: run the command in the service's folder" in capsys.readouterr().err
    report = json.loads(Path("reports/tidegate/check-data.json").read_text())
    assert (report["verdict"], report["blocked"], report["service"]) == (None, True, None)
    assert "could not be decided" in Path("reports/tidegate/check-data.md").read_text()


def test_execute__verb_with_a_page__writes_it_beside_the_others_even_when_undecided():
    page = Path("reports/tidegate/check-data.html")
    write_atomically(page, "of an earlier run")

    assert main(["check-data"]) == 2
    assert "The data could not be checked" in page.read_text()
    assert main(["doctor"]) == 2
    assert not page.with_name("doctor.html").exists()


def test_execute__json__prints_the_report_alone_even_on_a_runner(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    main(["check-data", "--json"])

    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"]["what"] == "there is no config here"
    assert "::error title=check-data could not be decided::" in captured.err
    assert "blocked<<" in (tmp_path / "output").read_text()


def test_execute__defect_of_our_own__exits_2_with_a_traceback_in_a_file(monkeypatch, capsys):
    class Broken:
        load_config = staticmethod(lambda arguments: None)
        run = staticmethod(lambda *_: 1 / 0)

    monkeypatch.setattr(cli.execution, "verb_module", lambda verb: Broken)
    assert main(["doctor"]) == 2

    shown = capsys.readouterr().err
    assert "unexpected ZeroDivisionError" in shown
    assert "Traceback" not in shown
    assert "1 / 0" in Path("reports/tidegate/doctor.traceback.txt").read_text()


def test_execute__defect_and_nowhere_to_write__still_exits_2(monkeypatch, capsys):
    class Broken:
        load_config = staticmethod(lambda arguments: None)
        run = staticmethod(lambda *_: 1 / 0)

    Path("reports").write_text("a file, no folder")
    monkeypatch.setattr(cli.execution, "verb_module", lambda verb: Broken)

    assert main(["doctor"]) == 2
    assert "1 / 0" in capsys.readouterr().err


def test_execute__report_folder_that_cannot_be_written__exits_2(capsys):
    Path("reports").write_text("a file, no folder")

    assert main(["check-data"]) == 2
    assert "the report cannot be written" in capsys.readouterr().err


def test_write_atomically__interrupted__leaves_what_was_there(monkeypatch):
    path = Path("report.json")
    write_atomically(path, "one")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "two")
    assert path.read_text() == "one"
    assert list(Path().iterdir()) == [path]


def test_execute__report_with_nan__exits_2_with_a_report_that_says_so(monkeypatch, capsys):
    class NotANumber:
        load_config = staticmethod(lambda arguments: None)

        @staticmethod
        def run(*_):
            return NotANumber

        verdict, blocked = "pass", False
        to_dict = staticmethod(lambda: {"service": "shop", "checks": [float("nan")]})

    monkeypatch.setattr(cli.execution, "verb_module", lambda verb: NotANumber)
    assert main(["doctor"]) == 2
    report = json.loads(Path("reports/tidegate/doctor.json").read_text())
    assert (report["verdict"], report["blocked"]) == (None, True)
    assert "not JSON compliant" in capsys.readouterr().err


def test_main__what_a_message_quotes_gives_the_runner_no_commands(capsys, monkeypatch):
    def run(*_):
        raise DeployError("it ended; its log ends:\n::stop-commands::x\n  ##[group]y")

    monkeypatch.setattr("tidegate.cli.status.run", run)
    Path("tidegate.yaml").write_text("service: shop\n")
    assert main(["status"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert any("stop-commands" in line for line in lines)
    assert not any(line.lstrip().startswith("::") or "##[" in line for line in lines)


def test_main__ctrl_c_is_an_exit_code_and_one_message(capsys, monkeypatch):
    def run(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tidegate.cli.status.run", run)
    Path("tidegate.yaml").write_text("service: shop\n")
    assert main(["status"]) == 2
    assert capsys.readouterr().err == "tidegate status: stopped by SIGINT\n  remedy: run it again\n"
