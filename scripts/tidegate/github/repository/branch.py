"""The rules of the default branch: nothing gets there past the gates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tidegate.errors import GitHubError
from tidegate.github.repository.findings import Change, Finding, Repository, joined
from tidegate.github.repository.workflows import Workflows

RULESET = "tidegate"
ADMINISTRATION = "use a token that may read the repository's administration"


@dataclass(frozen=True)
class Rules:
    """What holds for the branch, whoever set it. seen: false where not all of it could be seen."""

    pull_request: bool = False
    code_owners: bool = False
    no_force_push: bool = False
    no_deletion: bool = False
    checks: frozenset[str] = frozenset()
    seen: bool = True

    def __or__(self, other: Rules) -> Rules:
        return Rules(
            self.pull_request or other.pull_request,
            self.code_owners or other.code_owners,
            self.no_force_push or other.no_force_push,
            self.no_deletion or other.no_deletion,
            self.checks | other.checks,
            self.seen and other.seen,
        )


def examine(repository: Repository, workflows: Workflows) -> Iterator[Finding]:
    branch = repository.default_branch
    found = _of_rulesets(repository) | _of_protection(repository)
    missing = [check for check in workflows.checks if check not in found.checks]
    lacks = _lacks(found)
    changes = (_ruleset(repository, found, missing),) if found.seen and (lacks or missing) else ()
    if lacks:
        yield _finding(f"rules of {branch}", joined(lacks), found, changes)
    else:
        yield Finding(f"rules of {branch}", "pass", "nothing gets there but by a pull request")
    name = f"required checks of {branch}"
    if not workflows.checks:
        yield Finding(
            name,
            "fail",
            f"no workflow in {workflows.folder} runs the gates on pull requests",
            "see docs/workflows.md, then require its check",
        )
    elif missing:
        detail = f"a pull request can be merged without {', '.join(missing)}"
        yield _finding(name, detail, found, () if lacks else changes)
    elif workflows.filtered:
        yield Finding(
            name,
            "fail",
            f"{', '.join(workflows.filtered)} is required, and a filter of paths keeps it from "
            "running: then it waits for ever",
            "take `paths:` out of the workflow's `on: pull_request`",
        )
    else:
        yield Finding(name, "pass", ", ".join(workflows.checks))


def _finding(name: str, detail: str, found: Rules, changes: tuple[Change, ...]) -> Finding:
    if not found.seen:
        seen = "not by rulesets, and the branch's own protection was not seen"
        return Finding(name, "unseen", f"{detail} ({seen})", ADMINISTRATION)
    return Finding(name, "fail", detail, "--apply, or Settings, Rules, Rulesets", changes)


def _lacks(found: Rules) -> list[str]:
    wanted = {
        "who may push may change it without a pull request": found.pull_request,
        "owners of code are not asked, so CODEOWNERS means nothing": found.code_owners,
        "its history can be rewritten": found.no_force_push,
        "it can be deleted": found.no_deletion,
    }
    return [problem for problem, held in wanted.items() if not held]


def _of_rulesets(repository: Repository) -> Rules:
    rules = Rules()
    for rule in repository.github.pages(f"rules/branches/{_quoted(repository)}"):
        given = rule.get("parameters") or {}
        match rule["type"]:
            case "pull_request":
                owners = bool(given.get("require_code_owner_review"))
                rules |= Rules(pull_request=True, code_owners=owners)
            case "required_status_checks":
                checks = given.get("required_status_checks") or ()
                rules |= Rules(checks=frozenset(check["context"] for check in checks))
            case "non_fast_forward":
                rules |= Rules(no_force_push=True)
            case "deletion":
                rules |= Rules(no_deletion=True)
    return rules


def _of_protection(repository: Repository) -> Rules:
    """The older kind of rule, which only those who administer the repository see."""
    try:
        found = repository.github.get(f"branches/{_quoted(repository)}/protection")
    except GitHubError as error:
        if error.status not in {403, 404}:
            raise
        return Rules(seen="Branch not protected" in error.what)
    reviews = found.get("required_pull_request_reviews")
    checks = (found.get("required_status_checks") or {}).get("contexts") or ()
    return Rules(
        pull_request=reviews is not None,
        code_owners=bool((reviews or {}).get("require_code_owner_reviews")),
        no_force_push=not _enabled(found, "allow_force_pushes"),
        no_deletion=not _enabled(found, "allow_deletions"),
        checks=frozenset(checks),
    )


def _quoted(repository: Repository) -> str:
    return quote(repository.default_branch, safe="")


def _enabled(found: Mapping[str, Any], name: str) -> bool:
    return bool((found.get(name) or {}).get("enabled"))


def _ruleset(repository: Repository, found: Rules, missing: list[str]) -> Change:
    """A ruleset of our own with what is missing, or ours with that added to it.

    Rules add up and the strictest holds, so that nothing else is touched.
    """
    branch = repository.default_branch
    rules: list[dict[str, Any]] = []
    told = []
    if not (found.pull_request and found.code_owners):
        rules.append({"type": "pull_request", "parameters": _pull_request()})
        told.append("pull requests only, with a review by the owners of changed files")
    if not found.no_force_push:
        rules.append({"type": "non_fast_forward"})
        told.append("no force pushes")
    if not found.no_deletion:
        rules.append({"type": "deletion"})
        told.append("no deletion")
    if missing:
        rules.append({"type": "required_status_checks", "parameters": _checks(missing)})
        told.append(f"required checks {', '.join(missing)}")
    body = {
        "name": RULESET,
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": rules,
    }
    what = f"for {branch}: {'; '.join(told)}"
    for ruleset in repository.github.pages("rulesets"):
        if ruleset["name"] == RULESET and ruleset.get("source_type") == "Repository":
            path = f"rulesets/{ruleset['id']}"
            ours = repository.github.get(path)
            body["bypass_actors"] = ours.get("bypass_actors") or []
            body["rules"] = _merged(ours.get("rules") or [], rules)
            return Change(f"add to the ruleset {RULESET}, {what}", "PUT", path, body)
    return Change(f"make a ruleset {RULESET}, {what}", "POST", "rulesets", body)


def _pull_request() -> dict[str, Any]:
    return {
        # Files without an owner need no review of their own: how many is each team's to say.
        "required_approving_review_count": 0,
        "require_code_owner_review": True,
        # An approval is of what was seen: not of what was pushed afterwards.
        "dismiss_stale_reviews_on_push": True,
        "require_last_push_approval": False,
        "required_review_thread_resolution": False,
    }


def _checks(contexts: list[str]) -> dict[str, Any]:
    return {
        "required_status_checks": [{"context": context} for context in contexts],
        "strict_required_status_checks_policy": False,
    }


def _merged(ours: list[dict[str, Any]], more: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Our rules with more of them; of two of a kind, everything that either asks for."""
    merged = {rule["type"]: rule for rule in ours}
    for rule in more:
        earlier = merged.get(rule["type"], {}).get("parameters") or {}
        if "parameters" in rule:
            together = {**earlier}
            for name, value in rule["parameters"].items():
                together[name] = _stricter(earlier.get(name), value)
            rule = {**rule, "parameters": together}
        merged[rule["type"]] = rule
    return list(merged.values())


def _stricter(earlier: Any, value: Any) -> Any:
    if earlier is None:
        return value
    if isinstance(value, list):
        known = {item["context"] for item in earlier}
        return [*earlier, *(item for item in value if item["context"] not in known)]
    return max(earlier, value)
