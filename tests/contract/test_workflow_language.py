"""Workflow and action files as GitHub's own tools read them: language service and expressions."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_github.act import ROOT

SCRIPTS = ROOT / "tests/npm"
MODULES = ROOT / "build/npm"
FILES = sorted(
    path
    for pattern in (
        ".github/workflows/*.yml",
        "actions/*/action.yml",
        "examples/*/.github/workflows/*.yml",  # kept as the template renders them
    )
    for path in ROOT.glob(pattern)
)
# An expression's contexts; which of them a place has is the language service's to say.
CONTEXTS = (
    *("github", "inputs", "needs", "env", "vars", "secrets", "job", "steps", "runner"),
    *("strategy", "matrix"),
)
ENDINGS = ("success", "failure", "cancelled", "skipped")


def node(script: str, given: Any, *arguments: str) -> Any:
    """What a script beside package.json prints for this JSON."""
    assert (MODULES / ".ready").exists(), "run `make node-modules`"
    command = [
        *(str(MODULES / "node"), "--import", str(SCRIPTS / "json_imports.mjs")),
        *(str(SCRIPTS / script), str(MODULES / "node_modules"), *arguments),
    ]
    done = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def complaints(*files: Path) -> list[str]:
    found = node("language_service.mjs", {"files": [str(file) for file in files]}, str(ROOT))
    return [f"{Path(item['file']).name}:{item['line']}: {item['message']}" for item in found]


def test_language_service__our_files_and_the_examples__have_nothing_to_complain_of() -> None:
    assert len(FILES) > 15
    assert complaints(*FILES) == []


STEP = "jobs:\n  a:\n    runs-on: x\n    steps: "
BROKEN = {
    "unknown key": ("jobs: {a: {runs-on: x, stepz: []}}", "Unexpected value 'stepz'"),
    "unknown job": ("jobs: {a: {runs-on: x, needs: b, steps: [{run: x}]}}", "'b' is not valid"),
    "half a condition": (f"{STEP}[{{run: x, if: inputs.x ==}}]", "Unexpected end of"),
    "unknown context": (f"{STEP}[{{run: x, if: nothing.x}}]", "Unrecognized named-value"),
    "unknown need": (f"{STEP}[{{run: x, if: needs.b.result}}]", "Context access might be invalid"),
    "no such action": (f"{STEP}[{{uses: $/actions/none}}]", "Unable to resolve action"),
    "no such input": (
        f"{STEP}[{{uses: $/actions/check-data, with: {{confg: x}}}}]",
        "Invalid action input 'confg'",
    ),
    "no such input, as others write it": (
        f"{STEP}[{{uses: tidegate/tidegate/actions/check-data@v1, with: {{confg: x}}}}]",
        "Invalid action input 'confg'",
    ),
    "no such input of a workflow": (
        "jobs: {a: {uses: tidegate/tidegate/.github/workflows/ml-board.yml@v1, with: {pagez: x}}}",
        "Invalid input, pagez is not defined",
    ),
    "no such permission": (
        f"permissions: {{contents: maybe}}\n{STEP}[{{run: x}}]",
        "Unexpected value 'maybe'",
    ),
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("broken")
    for name, (text, _) in BROKEN.items():
        (folder / f"{name}.yml").write_text(f"on: push\n{text}\n")
    return complaints(*folder.iterdir())


@pytest.mark.parametrize("name", BROKEN)
def test_language_service__broken_workflow__says_what(broken: list[str], name: str) -> None:
    found = [line for line in broken if line.startswith(f"{name}.yml:")]

    assert any(BROKEN[name][1] in line for line in found), found


def test_language_service__broken_action__says_what(tmp_path: Path) -> None:
    file = tmp_path / "action.yml"
    file.write_text("name: x\ndescription: x\nruns: {using: composite, stepz: []}\n")

    assert any("stepz" in line for line in complaints(file))


def plain(condition: object) -> str:
    """A condition on one line, without the braces that it may or may not have."""
    text = " ".join(str(condition).split())
    return text.removeprefix("${{").removesuffix("}}").strip()


def conditions(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every `if:` of a workflow or an action, and whether it is of a `job` or a `step`."""
    jobs = [*document.get("jobs", {}).values(), document.get("runs", {})]
    steps = [step for job in jobs for step in job.get("steps", ())]
    for kind, parts in {"job": jobs, "step": steps}.items():
        for part in parts:
            if "if" in part:
                yield plain(part["if"]), kind


FOUND = {found for file in FILES for found in conditions(yaml.safe_load(file.read_text()))}


TABLE = {
    plain(row["if"]): row["cases"]
    for row in yaml.safe_load(Path(__file__).with_name("conditions.yaml").read_text())
}


def test_conditions__of_the_files_and_of_the_table__are_the_same() -> None:
    found = {condition for condition, _ in FOUND}

    assert found - set(TABLE) == set(), "say in conditions.yaml when they run"
    assert set(TABLE) - found == set(), "no file has them any more: take them out"


def test_conditions__jobs_that_look_at_other_jobs__have_cases_of_every_kind() -> None:
    for condition, cases in TABLE.items():
        if "needs." in condition and (condition, "job") in FOUND:
            results = {str(result) for case in cases for result in case["needs"].values()}
            assert {case["runs"] for case in cases} == {True, False}, condition
            assert any(case.get("cancelled") for case in cases), condition
            assert any("failure" in result for result in results), condition
            assert any("skipped" in result for result in results), condition
        elif (condition, "step") in FOUND:
            assert all("runs-after" in case for case in cases), condition


def asked(condition: str, case: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
    """What the evaluator is asked in one case, and what it must say."""
    needs = {
        job: {"outputs": {}, **(found if isinstance(found, dict) else {"result": found})}
        for job, found in case.get("needs", {}).items()
    }
    contexts = {name: {} for name in CONTEXTS} | case.get("given", {}) | {"needs": needs}
    expected = {ending: ending in case.get("runs-after", ()) for ending in ENDINGS}
    if "runs" in case:
        results = [job["result"] for job in needs.values()]
        worst = [ending for ending in ("failure", "cancelled", "skipped") if ending in results]
        ending = "cancelled" if case.get("cancelled") else next(iter(worst), "success")
        expected = {ending: case["runs"]}
    for ending, runs in expected.items():
        yield {"condition": condition, "contexts": contexts, "status": ending}, runs


def test_conditions__in_every_case_of_the_table__run_when_they_should() -> None:
    rows = [
        (f"{condition} [{case['name']}, after {question['status']}]", question, runs)
        for condition, cases in TABLE.items()
        for case in cases
        for question, runs in asked(condition, case)
    ]

    answers = node("evaluate_conditions.mjs", [question for _, question, _ in rows])

    wrong = [
        f"{place}: {'runs' if answer else 'does not run'}"
        for (place, _, runs), answer in zip(rows, answers, strict=True)
        if answer != runs
    ]
    assert wrong == []
