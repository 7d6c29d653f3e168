"""Every command of the pages is run, as it stands there; or it is in NOT_RUN, with the reason.

What is not run is held to what can be known of it here: tidegate's verbs and flags, targets of the
Makefile, extras of the package.
"""

from __future__ import annotations

import argparse
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import sandboxes
from local_github.act import ROOT
from pages import Block, every_block, pages
from tidegate.cli import VERBS, parser_for

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own

NOT_RUN = {
    "README.md: make demo     # sets up what it needs, then runs the whole road on real flights; "
    "eight or nine minutes": "takes minutes: tests/runner/test_road.py runs the demo's road",
    "docs/index.md: make demo": "the same demo",
    "docs/images.md: gh attestation verify oci://ghcr.io/acme/fraud-score@sha256:... "
    "--repo acme/fraud-score \\": "asks GitHub for an attestation",
    "docs/how-to/roll-back.md: docker stop SERVICE-production && docker rename SERVICE-production "
    "SERVICE-production-bad": "needs a Docker engine: tests/containers/test_docker.py has one",
    "docs/how-to/databricks-and-sagemaker.md: pip install 'tidegate[sagemaker]'":
        "installs a package; tests/unit/registry/test_databricks.py sees what is said without it",
    "CONTRIBUTING.md: make setup    # uv and the locked tools, into .venv":
        "is what runs this test",
    "docs/spark.md: pip install 'tidegate[spark]'":
        "needs a Spark: tests/unit/*/test_*spark.py run the engine",
}  # fmt: skip

# Where a page's commands are run; a page that is not here has the whole service.
SANDBOXES: dict[str, Callable[[Path], Path]] = {
    "docs/data.md": sandboxes.weather,
    "docs/how-to/add-data-checks.md": sandboxes.orders,
    "docs/how-to/only-the-gate.md": sandboxes.training,
    "docs/how-to/only-promotion.md": sandboxes.trained,
    "docs/how-to/run-without-docker.md": sandboxes.without_docker,
    "docs/how-to/several-services.md": sandboxes.services,
    "docs/watch.md": sandboxes.watched,
}
SHELL = every_block("sh")
# Those of GitHub are run by test_commands_of_github.py.
RUN = [block for block in SHELL if block.name not in NOT_RUN and not block.of_github]
PAGES_WITH_COMMANDS = sorted({block.page for block in RUN})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = sandboxes.service(_fresh(tmp_path_factory))
    yield folder
    sandboxes.stop(folder)


def _fresh(factory: pytest.TempPathFactory) -> Path:
    folder = factory.mktemp("home") / "repository"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS)
def test_page__commands_do_what_they_say(
    page: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    if page in SANDBOXES:
        folder = SANDBOXES[page](_fresh(tmp_path_factory))
        request.addfinalizer(lambda: sandboxes.stop(folder))
    else:
        folder = request.getfixturevalue("service")
        # A roll-back before has put the registered model where training puts a new one.
        assert sandboxes.run(folder, "python train.py").returncode == 0
    for block in (block for block in RUN if block.page == page):
        done = sandboxes.run(folder, block.text)
        assert done.returncode == block.exit_code, f"{block.name}\n{done.stdout}\n{done.stderr}"


def test_run__a_command_that_fails_in_the_middle_would_be_seen(tmp_path: Path) -> None:
    assert sandboxes.run(tmp_path, "tidegate doctor --only config\ntrue").returncode == 2


def test_blocks__all_say_their_language() -> None:
    known = {"sh", "yaml", "python", "json", "text", "mermaid"}
    assert [b.name for b in every_block() if b.language not in known] == []


def test_not_run__names_blocks_that_are_there_and_why() -> None:
    assert set(NOT_RUN) - {block.name for block in SHELL} == set()
    assert all(NOT_RUN.values())


@pytest.mark.parametrize(
    "block", [b for b in SHELL if b.name in NOT_RUN], ids=lambda b: f"{b.page}:{b.line}"
)
def test_not_run__is_right_as_far_as_can_be_known(block: Block) -> None:
    for line in block.commands():
        line = re.sub(r"^\w+=\$\([^)]*\) ", "", line)
        for command in line.split("&&"):
            accept(shlex.split(command))


def test_accept__refuses_what_is_not_there() -> None:
    for wrong in (
        "tidegate promot",
        "tidegate promote --too x",
        "X=1 tidegate pr --x",
        "make demmo",
        "pip install 'tidegate[sparc]'",
        "curl x",
    ):
        with pytest.raises((AssertionError, SystemExit)):
            accept(shlex.split(wrong))


def accept(words: list[str]) -> None:
    """Raises where a command names something of ours that there is not."""
    while re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    program, *arguments = words
    if program == "tidegate":
        parser_for(arguments)[0].parse_args(arguments)
    elif program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(arguments) <= set(targets)
    elif program == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        for named in re.findall(r"tidegate\[([\w,-]+)\]", " ".join(arguments)):
            assert set(named.split(",")) <= set(extras["optional-dependencies"])
    else:
        assert program in {"gh", "docker"}, f"nobody knows {program} here"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page__commands_in_the_text_have_verbs_and_flags_that_there_are(page: Path) -> None:
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for command in re.findall(r"`tidegate ([^`]+)`", text):
        verb, *words = command.split()
        if verb.startswith("-") or verb == "VERB":
            continue
        assert verb in VERBS, command
        parser, _ = parser_for([verb])
        (verbs,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        flags = {flag for a in verbs.choices[verb]._actions for flag in a.option_strings}
        given = {
            word.partition("=")[0].strip("[]") for word in words if word.startswith(("-", "[-"))
        }
        assert given <= flags, command


REFERENCE = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "line", re.findall(r"^ +((?:\w+=\S+ )?tidegate .*)$", REFERENCE, re.MULTILINE)
)
def test_help__examples_are_taken_by_the_command(line: str) -> None:
    command = re.split(r" {4,}| > ", line)[0]
    accept(shlex.split(command))
