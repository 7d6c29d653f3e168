"""The YAML held to the Python behind it: what an action says is what the tool does."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_github.act import CHECKOUT, REPLACED, ROOT, STAND_INS
from rendering import assert_passes_only_what_is_taken
from tidegate.cli import VERBS, parser_for
from tidegate.github.attestations import GATE_RECORD_TYPE
from tidegate.github.runner import OUTPUTS
from tidegate.report.page import has_page

ACTIONS = sorted(
    path.parent
    for path in ROOT.glob("actions/*/action.yml")
    if path.parent.name != "setup-tidegate"
)
WORKFLOWS = sorted(ROOT.glob(".github/workflows/ml-*.yml"))
SERVICE_WORKFLOWS = sorted(ROOT.glob("examples/*/.github/workflows/*.yml"))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
# Not a flag of the tool: the client reads it from the environment, so it is on no command line.
FROM_ENVIRONMENT = {"token": "GITHUB_TOKEN"}

each_action = pytest.mark.parametrize("action", ACTIONS, ids=lambda path: path.name)
each_workflow = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)


def load(path: Path) -> dict[Any, Any]:
    tree = yaml.safe_load(path.read_text())
    assert isinstance(tree, dict)
    return tree


def call(action: Path) -> dict[str, Any]:
    """The one step of an action that runs something."""
    steps = load(action / "action.yml")["runs"]["steps"]
    (step,) = [step for step in steps if "run" in step]
    assert isinstance(step, dict)
    return step


def words_of(action: Path) -> list[str]:
    return str(call(action)["run"]).removeprefix("exec ").split()


def verb_of(action: Path) -> str:
    return words_of(action)[1]


def flags_of(verb: str) -> dict[str, argparse.Action]:
    parser, _ = parser_for([verb])
    (verbs,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return {flag: a for a in verbs.choices[verb]._actions for flag in a.option_strings}


def test_actions__each_one_the_issue_names_is_there() -> None:
    assert {path.name for path in ACTIONS} == {
        "build-image", "check-data", "comment-report", "gate-model", "promote-release",
        "pull-data", "register-model", "render-board", "report-incident", "reproduce-pipeline",
        "rollback-release", "test-image", "watch-service",
    }  # fmt: skip


@each_action
def test_action__is_one_call_of_the_tool(action: Path) -> None:
    words = words_of(action)
    assert words[0] == "tidegate"
    assert words[1] in VERBS
    assert all(re.fullmatch(r'--[a-z-]+="\$[A-Z_]+"', word) for word in words[2:])


@each_action
def test_action__what_moves_a_release_gets_the_signal_of_a_cancelled_job(action: Path) -> None:
    # GitHub sends it to the shell alone, which does not pass it on.
    moves = verb_of(action) in {"promote", "rollback"}
    assert str(call(action)["run"]).startswith("exec ") == moves


@each_action
def test_action__every_input_reaches_a_flag_of_the_verb(action: Path) -> None:
    step, flags = call(action), flags_of(verb_of(action))
    passed = dict(re.findall(r'(--[a-z-]+)="\$([A-Z_]+)"', step["run"]))
    for name in load(action / "action.yml")["inputs"]:
        variable = FROM_ENVIRONMENT.get(name) or passed[f"--{name}"]
        assert step["env"][variable] == f"${{{{ inputs.{name} }}}}"
    assert set(passed) <= set(flags)
    assert len(step["env"]) == len(load(action / "action.yml")["inputs"])


@each_action
def test_action__required_inputs_are_the_verbs_required_flags(action: Path) -> None:
    flags = flags_of(verb_of(action))
    for name, spec in load(action / "action.yml")["inputs"].items():
        if name not in FROM_ENVIRONMENT:
            assert spec.get("required", False) == flags[f"--{name}"].required


@each_action
def test_action__outputs_are_those_that_the_tool_sets(action: Path) -> None:
    verb = verb_of(action)
    declared = load(action / "action.yml")["outputs"]
    own = {*OUTPUTS.get(verb, {}), *(["page"] if has_page(verb) else [])}
    assert own <= set(declared) <= {"verdict", "blocked", "report", *own}
    step_id = call(action)["id"]
    for name, spec in declared.items():
        assert spec["value"] == f"${{{{ steps.{step_id}.outputs.{name} }}}}"


@each_action
def test_action__inputs_are_described_and_defaults_are_strings(action: Path) -> None:
    for spec in load(action / "action.yml")["inputs"].values():
        assert spec["description"]
        assert spec.get("required") is True or isinstance(spec["default"], str)


@pytest.mark.parametrize(
    "path",
    [*ROOT.glob("actions/*/action.yml"), *WORKFLOWS, *STAND_INS.glob("*/action.yml")],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_yaml__no_expression_in_a_shell(path: Path) -> None:
    tree = load(path)
    jobs = tree.get("jobs", {"": tree.get("runs", {})}).values()
    for step in (step for job in jobs for step in job.get("steps", ())):
        assert "${{" not in step.get("run", "")


@each_workflow
def test_workflow__grants_nothing_but_what_each_job_names_and_explains(workflow: Path) -> None:
    tree, text = load(workflow), workflow.read_text()
    assert tree["permissions"] == {}
    for job in tree["jobs"].values():
        assert job["timeout-minutes"]
        for grant in job["permissions"]:
            assert re.search(rf"{grant}: (read|write) # \w+", text)


def steps_with_uses() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path in [*ROOT.glob("actions/*/action.yml"), *WORKFLOWS]:
        tree = load(path)
        jobs = tree.get("jobs", {"": tree.get("runs", {})}).values()
        steps = (step for job in jobs for step in job.get("steps", ()) if "uses" in step)
        found += [(path.relative_to(ROOT).as_posix(), step) for step in steps]
    return found


@pytest.mark.parametrize(("path", "step"), steps_with_uses(), ids=lambda x: str(x)[:60])
def test_uses__our_own_by_dollar_and_others_by_commit(path: str, step: dict[str, Any]) -> None:
    used, given = step["uses"], step.get("with", {})
    if used.startswith("$/"):
        inputs = load(ROOT / used.removeprefix("$/") / "action.yml").get("inputs") or {}
        required = {name for name, spec in inputs.items() if spec.get("required")}
        assert required <= set(given) <= set(inputs)
        return
    assert PINNED.fullmatch(used)
    assert re.search(rf"{re.escape(used)} # v\d", (ROOT / path).read_text())
    name = used.partition("@")[0]
    if name != CHECKOUT:
        stand_in = load(STAND_INS / REPLACED[name] / "action.yml")
        assert set(given) <= set(stand_in["inputs"])


def test_release_workflow__signs_the_gate_record_as_what_a_promotion_looks_for() -> None:
    jobs = load(ROOT / ".github/workflows/ml-release.yml")["jobs"]
    (signed,) = [
        step["with"] for step in jobs["attest"]["steps"] if "predicate" in step.get("with", {})
    ]
    assert signed["predicate-type"] == GATE_RECORD_TYPE
    assert signed["predicate"] == "${{ needs.image.outputs.record-json }}"
    assert signed["subject-digest"] == "${{ needs.image.outputs.image-digest }}"
    # Whoever may sign runs nothing of the service's.
    assert not [step for step in jobs["attest"]["steps"] if "run" in step or "$" in step["uses"]]
    may_sign = [name for name, job in jobs.items() if "id-token" in job["permissions"]]
    assert may_sign == ["attest"]


@pytest.mark.parametrize("path", SERVICE_WORKFLOWS, ids=lambda path: path.name)
def test_service_workflow__passes_only_what_the_reusable_workflow_takes(path: Path) -> None:
    assert_passes_only_what_is_taken(path)


def test_pull_request_workflow__code_of_the_change_never_runs_beside_a_secret() -> None:
    jobs = load(ROOT / ".github/workflows/ml-pull-request.yml")["jobs"]
    runs_it = {"$/actions/pull-data", "$/actions/check-data", "$/actions/reproduce-pipeline"}
    for name, job in jobs.items():
        used = {step.get("uses") for step in job["steps"]}
        knows = [step for step in job["steps"] if "secrets." in str(step)]
        assert bool(used & runs_it) == (name == "pipeline")
        assert "secrets." not in str(job.get("env", ""))
        assert [step["uses"] for step in knows] == (
            ["$/actions/gate-model"] if name == "gate" else []
        )


def test_pull_request_workflow__the_required_job_cannot_be_skipped() -> None:
    gate = load(ROOT / ".github/workflows/ml-pull-request.yml")["jobs"]["gate"]
    assert gate["if"] == "always()"
    steps = gate["steps"]
    (stop,) = [n for n, step in enumerate(steps) if "needs.pipeline.result" in step.get("if", "")]
    (judge,) = [n for n, step in enumerate(steps) if step.get("uses") == "$/actions/gate-model"]
    # Nothing that is not `always()` comes after the stop, and nothing that may fail unseen judges.
    assert stop < judge
    assert "exit 1" in steps[stop]["run"]
    assert not any(key in steps[judge] for key in ("if", "continue-on-error"))
    # What is fetched lies nowhere near the checkout.
    fetched = [step["with"]["path"] for step in steps if "download" in step.get("uses", "")]
    assert all(path.startswith("${{ runner.temp }}/") for path in fetched)
