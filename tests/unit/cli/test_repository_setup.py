"""`tidegate doctor --repository`: what GitHub has, what is missing, and --apply."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from local_github import settings_bodies
from local_github.act import ROOT
from local_github.api import LocalGitHub
from local_github.description import description
from tidegate.cli import main
from tidegate.github.repository.owners import owners_of
from tidegate.github.repository.workflows import GATING_JOBS, GATING_WORKFLOW
from tidegate.report.schemas import report_schema

NAME = "acme/flights"
CONFIG = """\
version: 1
service: flights
environments:
  staging:    {deploy: {kind: docker, port: 8081}}
  production: {after: staging, approval: environment, deploy: {kind: docker, port: 8080}}
"""
WORKFLOW = """\
on: pull_request
jobs:
  gates:
    uses: tidegate/tidegate/.github/workflows/ml-pull-request.yml@v1
    secrets:
      mlflow-tracking-password: ${{ secrets.MLFLOW_TRACKING_PASSWORD }}
"""
CHECK = "gates / Gate"
APPLY = ("--apply", "--yes", "--reviewer", "kim")


@pytest.fixture
def github() -> Iterator[LocalGitHub]:
    with LocalGitHub() as local:
        local.add_repository(NAME)
        local.add_file(NAME, ".github/CODEOWNERS", "* @acme/everyone\n/tidegate.yaml @mona\n")
        local.add_secret(NAME, "MLFLOW_TRACKING_PASSWORD")
        yield local


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, github: LocalGitHub) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    monkeypatch.setenv("GITHUB_TOKEN", github.token)
    (tmp_path / "tidegate.yaml").write_text(CONFIG)
    workflows = tmp_path / ".github/workflows"
    workflows.mkdir(parents=True)
    (workflows / "pull-request.yml").write_text(WORKFLOW)
    return tmp_path


def doctor(*arguments: str) -> int:
    return main(["doctor", "--only", "repository", "--repository", NAME, *arguments])


def report() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("reports/tidegate/doctor.json").read_text())
    Draft202012Validator(report_schema("doctor")).validate(found)
    return found


def checks(verdict: str) -> dict[str, str]:
    return {
        check["name"]: check["detail"]
        for check in report()["checks"]
        if check["verdict"] == verdict
    }


def changed(github: LocalGitHub) -> list[tuple[str, str]]:
    return [request for request in github.requests if request[0] != "GET"]


def test_doctor__repository_as_github_makes_it__says_what_is_missing_and_changes_nothing(github):
    assert doctor() == 1

    assert checks("fail") == {
        "environment staging": "it does not exist: the first run would make it, without protection;"
        " any branch may use it, and its secrets",
        "environment production": "it does not exist: the first run would make it, without "
        "protection; any branch may use it, and its secrets",
        "environment production-approval": "it does not exist: the first run would make it, without"
        " protection; any branch may use it, and its secrets; it requires no reviewers, so nobody "
        "would be asked",
        "rules of main": "who may push may change it without a pull request; owners of code are "
        "not asked, so CODEOWNERS means nothing; its history can be rewritten; it can be deleted",
        "required checks of main": f"a pull request can be merged without {CHECK}",
        "token of a run": "a workflow that asks for nothing may write",
    }
    assert set(checks("note")) == {"what may run", "runs of forks"}
    assert set(checks("pass")) == {"config", "secret MLFLOW_TRACKING_PASSWORD", "CODEOWNERS"}
    assert all(check["remedy"] for check in report()["checks"] if check["verdict"] != "pass")
    assert {change["made"] for change in report()["changes"]} == {False}
    assert changed(github) == []
    assert "What `--apply` would do" in Path("reports/tidegate/doctor.md").read_text()


def test_apply__sets_it_up__and_a_second_time_changes_nothing(github, capsys):
    assert doctor(*APPLY) == 0

    shown = capsys.readouterr().err
    assert f"On {NAME}, --apply is going to" in shown
    assert "make the environment production-approval: required reviewers: 1 more" in shown
    assert {change["made"] for change in report()["changes"]} == {True}
    approval = github.environment(NAME, "production-approval")
    (rule,) = [r for r in approval["protection_rules"] if r["type"] == "required_reviewers"]
    assert [item["reviewer"]["login"] for item in rule["reviewers"]] == ["kim"]
    assert rule["prevent_self_review"] is True
    assert github.policies(NAME, "production") == ["main"]
    (ruleset,) = github.rulesets(NAME)
    assert [rule["type"] for rule in ruleset["rules"]] == [
        *("pull_request", "non_fast_forward", "deletion", "required_status_checks")
    ]
    assert github.actions(NAME, "permissions/workflow")["default_workflow_permissions"] == "read"
    done = changed(github)

    assert doctor(*APPLY) == 0
    assert changed(github) == done
    assert report()["changes"] == []


def test_apply__killed_after_any_change__the_next_one_does_what_is_left(github):
    doctor(*APPLY)
    total = len(changed(github))
    wanted = [rule["type"] for rule in github.rulesets(NAME)[0]["rules"]]

    for made in range(total):
        with LocalGitHub() as again, pytest.MonkeyPatch.context() as patch:
            patch.setenv("GITHUB_API_URL", again.url)
            again.add_repository(NAME)
            again.add_file(NAME, "CODEOWNERS", "* @mona\n")
            stop_after(again, made)
            assert doctor(*APPLY) == 2
            assert f"{made} of {total} changes are made" in report()["error"]["what"]

            again.administers = True
            assert doctor(*APPLY) == 0
            assert [rule["type"] for rule in again.rulesets(NAME)[0]["rules"]] == wanted
            for environment in ("staging", "production", "production-approval"):
                assert again.policies(NAME, environment) == ["main"]
            assert len(changed(again)) == total + 1  # and the one that was refused


def stop_after(github: LocalGitHub, made: int) -> None:
    """Refuse the change that comes after so many."""
    left = [made]

    def count() -> None:
        github.administers = left[0] != 0
        left[0] -= 1

    for _ in range(made + 1):
        github.before("PUT", count)
        github.before("POST", count)


def test_apply__what_is_stricter_already__stays(github):
    github.add_environment(NAME, "production-approval", reviewers=["lee"])
    approval = github.environment(NAME, "production-approval")
    approval["protection_rules"] += [
        {"id": 1, "node_id": "x", "type": "wait_timer", "wait_timer": 30}
    ]
    approval["deployment_branch_policy"] = {
        "protected_branches": True,
        "custom_branch_policies": False,
    }
    mine = {
        "name": "tidegate",
        "target": "branch",
        "enforcement": "active",
        "bypass_actors": [
            {"actor_id": 1, "actor_type": "OrganizationAdmin", "bypass_mode": "always"}
        ],
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": [
            {
                "type": "pull_request",
                "parameters": {
                    "required_approving_review_count": 2,
                    "require_code_owner_review": False,
                    "dismiss_stale_reviews_on_push": False,
                    "require_last_push_approval": True,
                    "required_review_thread_resolution": True,
                },
            },
            {
                "type": "required_status_checks",
                "parameters": {
                    "required_status_checks": [{"context": "tests"}],
                    "strict_required_status_checks_policy": True,
                },
            },
            {"type": "required_signatures"},
        ],
    }
    github.add_ruleset(NAME, mine)
    github.set_actions(
        NAME,
        "permissions/fork-pr-contributor-approval",
        approval_policy="all_external_contributors",
    )

    assert doctor(*APPLY) == 0

    approval = github.environment(NAME, "production-approval")
    rules = {rule["type"]: rule for rule in approval["protection_rules"]}
    logins = [item["reviewer"]["login"] for item in rules["required_reviewers"]["reviewers"]]
    assert logins == ["lee", "kim"]
    assert rules["wait_timer"]["wait_timer"] == 30
    assert approval["deployment_branch_policy"]["protected_branches"] is True
    (ruleset,) = github.rulesets(NAME)
    assert ruleset["bypass_actors"] == mine["bypass_actors"]
    by_type = {rule["type"]: rule.get("parameters") for rule in ruleset["rules"]}
    assert set(by_type) >= {"required_signatures", "deletion", "non_fast_forward"}
    assert by_type["pull_request"] == {
        "required_approving_review_count": 2,
        "require_code_owner_review": True,
        "dismiss_stale_reviews_on_push": True,
        "require_last_push_approval": True,
        "required_review_thread_resolution": True,
    }
    assert by_type["required_status_checks"] == {
        "required_status_checks": [{"context": "tests"}, {"context": CHECK}],
        "strict_required_status_checks_policy": True,
    }
    policy = github.actions(NAME, "permissions/fork-pr-contributor-approval")
    assert policy == {"approval_policy": "all_external_contributors"}


def test_doctor__older_branch_protection__counts(github):
    reviews = {
        "url": "https://api.github.com/x",
        "dismiss_stale_reviews": False,
        "require_code_owner_reviews": True,
        "required_approving_review_count": 1,
    }
    required = {"contexts": [CHECK], "checks": [{"context": CHECK, "app_id": None}], "strict": True}
    github.protect(
        NAME,
        "main",
        settings_bodies.protection(
            NAME, "main", required_pull_request_reviews=reviews, required_status_checks=required
        ),
    )

    doctor()
    assert {"rules of main", "required checks of main"} <= set(checks("pass"))


def test_doctor__default_branch_with_a_slash__is_one_branch(github):
    github._known[NAME]["default_branch"] = "release/2.x"

    assert doctor(*APPLY) == 0
    assert github.policies(NAME, "production") == ["release/2.x"]
    assert "rules of release/2.x" in checks("pass")


def test_doctor__ruleset_that_only_evaluates__does_not_count(github):
    doctor(*APPLY)
    github.rulesets(NAME)[0]["enforcement"] = "evaluate"

    assert doctor() == 1
    assert {"rules of main", "required checks of main"} == set(checks("fail"))


def test_apply__without_a_terminal_and_yes__shows_the_list_and_changes_nothing(github, capsys):
    assert doctor("--apply", "--reviewer", "kim") == 2

    shown = capsys.readouterr().err
    assert "make a ruleset tidegate, for main: pull requests only" in shown
    assert "add --yes" in shown
    assert changed(github) == []


@pytest.mark.parametrize(("answer", "made"), [("y\n", True), ("no\n", False), ("", False)])
def test_apply__at_a_terminal__asks_first(github, monkeypatch, answer, made):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(answer))
    monkeypatch.setattr("sys.stderr", Terminal())

    assert doctor("--apply", "--reviewer", "kim") == (0 if made else 1)
    assert {change["made"] for change in report()["changes"]} == {made}
    assert bool(changed(github)) == made


def test_apply__nobody_named_to_ask__says_so_still(github):
    assert doctor("--apply", "--yes") == 1

    assert checks("fail") == {
        "environment production-approval": "it requires no reviewers, so nobody would be asked"
    }
    (check,) = [check for check in report()["checks"] if check["verdict"] == "fail"]
    assert "--reviewer LOGIN" in check["remedy"]


def test_apply__team_as_reviewer__is_asked(github):
    github.add_team("acme", "leads")

    assert doctor("--apply", "--yes", "--reviewer", "acme/leads") == 0
    (rule,) = [
        rule
        for rule in github.environment(NAME, "production-approval")["protection_rules"]
        if rule["type"] == "required_reviewers"
    ]
    assert [(item["type"], item["reviewer"]["slug"]) for item in rule["reviewers"]] == [
        ("Team", "leads")
    ]


def test_apply__plan_without_required_reviewers__says_which_plan_or_what_else(github):
    github.reviewers_on_plan = False

    assert doctor(*APPLY) == 2
    error = report()["error"]
    assert "4 of" in error["what"]
    assert "approval: dispatch" in error["remedy"]


def test_doctor__private_repository_without_reviewers__says_which_plan_has_them(github):
    github.add_repository(NAME, private=True)

    doctor()
    remedies = {check["name"]: check["remedy"] for check in report()["checks"]}
    assert "GitHub Enterprise" in remedies["environment production-approval"]


def test_doctor__token_that_may_not_see_it__passes_nothing_it_did_not_see(github):
    doctor(*APPLY)
    github.administers = False

    assert doctor() == 2

    assert report()["verdict"] is None
    assert report()["blocked"] is True
    assert set(checks("unseen")) == {
        *("token of a run", "what may run", "runs of forks", "secrets of the repository")
    }
    text = Path("reports/tidegate/doctor.md").read_text()
    assert "Not all of it could be seen" in text


def test_doctor__token_that_may_not_see_the_older_protection__does_not_say_there_is_none(github):
    github.administers = False
    for environment in ("staging", "production", "production-approval"):
        github.add_environment(NAME, environment, reviewers=["kim"])
        github.environment(NAME, environment)["deployment_branch_policy"] = {
            "protected_branches": True,
            "custom_branch_policies": False,
        }
        github.environment(NAME, environment)["protection_rules"][0]["prevent_self_review"] = True

    assert doctor() == 2
    assert {"rules of main", "required checks of main"} <= set(checks("unseen"))
    assert not any("ruleset" in change["what"] for change in report()["changes"])


@pytest.mark.parametrize(
    ("before", "check", "verdict", "detail"),
    [
        ({"enabled": False}, "what may run", "fail", "turned off"),
        ({"allowed_actions": "local_only"}, "what may run", "fail", "not this pack"),
        ({"allowed_actions": "selected"}, "what may run", "fail", "not on the list"),
        ({"sha_pinning_required": True}, "what may run", "pass", "pinned by commit"),
    ],
)
def test_doctor__settings_of_actions__are_told(github, before, check, verdict, detail):
    github.set_actions(NAME, "permissions", **before)

    doctor()
    assert detail in checks(verdict)[check]


@pytest.mark.parametrize(
    ("pattern", "verdict"),
    [
        ("tidegate/tidegate/*", "note"),
        ("tidegate/*", "note"),
        ("tidegate/tidegate@*", "note"),
        ("tidegate/tidegate-evil/*", "fail"),
        ("mallory/tidegate/*", "fail"),
    ],
)
def test_doctor__list_of_allowed_actions__has_to_name_the_pack(github, pattern, verdict):
    github.set_actions(NAME, "permissions", allowed_actions="selected")
    github.set_actions(NAME, "permissions/selected-actions", patterns_allowed=[pattern])

    doctor()
    assert "what may run" in checks(verdict)


@pytest.mark.parametrize("place", [f"{NAME}/production", f"{NAME}/organization"])
def test_doctor__secret_set_elsewhere__is_found_there(github, place):
    github._secrets.clear()
    github.add_environment(NAME, "production")
    github.add_secret(place, "MLFLOW_TRACKING_PASSWORD")

    doctor()
    where = "the organization" if place.endswith("organization") else "production"
    assert checks("pass")["secret MLFLOW_TRACKING_PASSWORD"] == f"set for {where}"


def test_doctor__secret_set_nowhere__is_a_note(github):
    github._secrets.clear()

    doctor()
    assert "is set nowhere" in checks("note")["secret MLFLOW_TRACKING_PASSWORD"]


def test_doctor__gates_behind_a_filter_of_paths__would_wait_for_ever(github, folder):
    path = folder / ".github/workflows/pull-request.yml"
    path.write_text(WORKFLOW.replace("on: pull_request", "on: {pull_request: {paths: [src/**]}}"))
    doctor(*APPLY)

    assert "waits for ever" in checks("fail")["required checks of main"]


def test_doctor__no_workflow_runs_the_gates__says_so(github, folder):
    (folder / ".github/workflows/pull-request.yml").unlink()

    doctor()
    assert "runs the gates on pull requests" in checks("fail")["required checks of main"]


def test_doctor__gates_as_steps_of_an_own_job__its_name_is_the_check(github, folder):
    path = folder / ".github/workflows/pull-request.yml"
    path.write_text(
        "on: [push, pull_request]\njobs:\n  check:\n    name: Quality\n    runs-on: x\n    steps:\n"
        "      - uses: tidegate/tidegate/actions/gate-model@v1\n"
    )

    doctor()
    assert checks("fail")["required checks of main"].endswith("merged without Quality")


@pytest.mark.parametrize(
    ("text", "owners"),
    [
        ("", []),
        ("* @a", ["@a"]),
        ("* @a\n/tidegate.yaml @b @acme/c # the bar", ["@b", "@acme/c"]),
        ("/tidegate.yaml @b\n* @a", ["@a"]),
        ("* @a\ntidegate.yaml", []),
        ("*.yaml @a", ["@a"]),
        ("# tidegate.yaml @a", []),
        ("/other.yaml @a\ntidegate.yml @b", []),
        ("services/ @a", []),
        ("/tidegate.yaml/ @a", []),
        ("tidegate?yaml @a", ["@a"]),
    ],
)
def test_owners_of__last_pattern_that_fits__decides(text, owners):
    assert owners_of(text, "tidegate.yaml") == owners


@pytest.mark.parametrize(
    ("pattern", "owned"),
    [
        ("services/", True),
        ("/services/**", True),
        ("services/fraud", True),
        ("fraud/", True),
        ("**/tidegate.yaml", True),
        ("services/*", False),
        ("services/*/tidegate.yaml", True),
        ("/tidegate.yaml", False),
        ("/fraud/", False),
        ("servicesXfraud/", False),
    ],
)
def test_owners_of__service_in_a_folder__is_owned_as_git_would_have_it(pattern, owned):
    assert bool(owners_of(f"{pattern} @a", "services/fraud/tidegate.yaml")) == owned


@pytest.mark.parametrize("text", [None, "/src/ @mona\n"])
def test_doctor__nobody_owns_the_config__says_which_line_to_add(github, text):
    github._files.clear()
    if text is not None:
        github.add_file(NAME, "docs/CODEOWNERS", text)

    doctor()
    (check,) = [check for check in report()["checks"] if check["name"] == "CODEOWNERS"]
    assert check["verdict"] == "fail"
    assert "/tidegate.yaml @LOGIN" in check["remedy"]


@pytest.mark.parametrize("text", ["/tidegate.yaml @mona\n", "* @mona\n/.github/\n"])
def test_doctor__nobody_owns_the_workflows__is_missing_too(github, text):
    github._files.clear()
    github.add_file(NAME, "CODEOWNERS", text)

    doctor()
    (check,) = [check for check in report()["checks"] if check["name"] == "CODEOWNERS"]
    assert (check["verdict"], check["detail"]) == (
        "fail", "CODEOWNERS gives .github/workflows/ no owner"
    )  # fmt: skip
    assert "`/.github/workflows/ @LOGIN-OR-TEAM`" in check["remedy"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--repository", "flights"], "names no repository"),
        (["--repository", "a/b/../../user"], "names no repository"),
        (["--repository", "acme/.."], "names no repository"),
        (["--repository", "acme/none"], "404"),
        (["--repository", NAME, "--reviewer", "nobody"], "GitHub knows no user nobody"),
        (["--repository", NAME, "--reviewer", "acme/none"], "GitHub knows no team acme/none"),
        (["--only", "repository"], "which repository?"),
        (["--apply"], "which repository?"),
    ],
)
def test_doctor__bad_input__is_one_clear_message(github, capsys, arguments, message):
    github.nobody.add("nobody")
    Path("tidegate.yaml").write_text(CONFIG)

    assert main(["doctor", "--only", "repository", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert changed(github) == []


def test_doctor__no_token__says_where_to_get_one(monkeypatch, capsys):
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.delenv("GH_TOKEN", raising=False)

    assert doctor() == 2
    assert "gh auth token" in capsys.readouterr().err


def test_doctor__seven_reviewers__are_too_many_for_github(github, capsys):
    assert doctor(*(word for n in range(7) for word in ("--reviewer", f"person-{n}"))) == 2
    assert "name a team" in capsys.readouterr().err


def test_gating_jobs__are_those_of_our_workflow() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows" / GATING_WORKFLOW).read_text())

    assert set(GATING_JOBS) <= {job["name"] for job in workflow["jobs"].values()}


def test_apply__on_an_enterprise_server__works_as_well(monkeypatch):
    with LocalGitHub(prefix="/api/v3", description=description("ghes-3.19")) as server:
        server.add_repository(NAME)
        server.add_file(NAME, "CODEOWNERS", "* @mona\n")
        monkeypatch.setenv("GITHUB_API_URL", server.url)

        assert doctor(*APPLY) == 0
        assert doctor(*APPLY) == 0
        assert report()["changes"] == []


@pytest.mark.parametrize("older", [True, False])
def test_doctor__setting_that_an_older_enterprise_server_lacks__is_a_note(monkeypatch, older):
    # Up to 3.18 it has no such address; elsewhere 404 is the answer to a token that may not see it.
    with LocalGitHub(prefix="/api/v3" if older else "") as server:
        server.add_repository(NAME)
        server.add_file(NAME, "CODEOWNERS", "* @mona\n")
        del server._actions[NAME]["permissions/fork-pr-contributor-approval"]
        monkeypatch.setenv("GITHUB_API_URL", server.url)

        assert doctor(*APPLY) == (0 if older else 2)
        assert "runs of forks" in checks("note" if older else "unseen")
