"""A repository's settings: who may change the default branch, what Actions may do, files, secrets.

A token that may not administer the repository is refused as GitHub refuses it.
"""

from __future__ import annotations

from typing import Any

from local_github import bodies, settings_bodies
from local_github.deployments import Deployments
from local_github.server import Answer, Request, found, problem, route

NOT_ALLOWED = "Resource not accessible by personal access token"
BILLING = (
    "Failed to create the environment protection rule. Please ensure the billing plan supports "
    "the required reviewers protection rule."
)


class Settings(Deployments):
    """administers: false is a token that may read the repository, but not its administration.

    reviewers_on_plan: false is a plan on which environments have no required reviewers.
    """

    def __init__(
        self,
        *arguments: Any,
        administers: bool = True,
        reviewers_on_plan: bool = True,
        **named: Any,
    ):
        super().__init__(*arguments, **named)
        self.administers = administers
        self.reviewers_on_plan = reviewers_on_plan
        self.nobody: set[str] = set()  # logins that nobody has
        self.people: set[str] = set()  # who was looked up, or reviews something
        self._known: dict[str, dict[str, Any]] = {}
        self._teams: dict[str, dict[str, Any]] = {}
        self._protection: dict[str, dict[str, Any]] = {}
        self._rulesets: dict[str, dict[int, dict[str, Any]]] = {}
        self._policies: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._actions: dict[str, dict[str, dict[str, Any]]] = {}
        self._secrets: dict[str, list[str]] = {}
        self._files: dict[tuple[str, str], str] = {}

    # What the world holds.

    def add_repository(self, name: str, *, private: bool = False) -> None:
        """One as GitHub makes it: without rules, its settings as they are by default."""
        with self._lock:
            self._known[name] = settings_bodies.full_repository(name, private=private)
            self._rulesets[name] = {}
            self._actions[name] = {
                "permissions": {
                    "enabled": True,
                    "allowed_actions": "all",
                    "sha_pinning_required": False,
                },
                "permissions/workflow": {
                    "default_workflow_permissions": "write",
                    "can_approve_pull_request_reviews": False,
                },
                "permissions/fork-pr-contributor-approval": {
                    "approval_policy": "first_time_contributors_new_to_github"
                },
                "permissions/selected-actions": {
                    "github_owned_allowed": True,
                    "verified_allowed": False,
                    "patterns_allowed": [],
                },
            }

    def set_actions(self, name: str, setting: str, **values: Any) -> None:
        """Change one of the settings below actions/, such as permissions/workflow."""
        self._actions[name][setting] |= values

    def add_team(self, organization: str, slug: str) -> None:
        self._teams[f"{organization}/{slug}"] = settings_bodies.team(organization, slug)

    def add_file(self, name: str, path: str, text: str) -> None:
        self._files[name, path] = text

    def add_secret(self, place: str, secret: str) -> None:
        """place: OWNER/NAME; of an environment, OWNER/NAME/ENVIRONMENT, or .../organization."""
        self._secrets.setdefault(place, []).append(secret)

    def protect(self, name: str, branch: str, protection: dict[str, Any]) -> None:
        """The older kind of rule."""
        self._protection[f"{name}/{branch}"] = protection

    def add_ruleset(self, name: str, body: dict[str, Any]) -> int:
        identity = self.next_id()
        self._rulesets[name][identity] = settings_bodies.ruleset(name, identity, body)
        return identity

    def rulesets(self, name: str) -> list[dict[str, Any]]:
        return list(self._rulesets[name].values())

    def environment(self, name: str, environment: str) -> dict[str, Any]:
        return self._environments[name, environment]

    def policies(self, name: str, environment: str) -> list[str]:
        return [policy["name"] for policy in self._policies.get((name, environment), ())]

    def actions(self, name: str, setting: str) -> dict[str, Any]:
        return self._actions[name][setting]

    # The repository, people, files.

    @route("GET", "/repos/{repository}")
    def _get_repository(self, _: Request, repository: str) -> Answer:
        return found(self._known.get(repository))

    @route("GET", "/users/{login}")
    def _get_somebody(self, _: Request, login: str) -> Answer:
        if login in self.nobody:
            return problem(404, "Not Found")
        self.people.add(login)
        return Answer(200, bodies.account(login))

    @route("GET", "/orgs/{organization}/teams/{slug}")
    def _get_team(self, _: Request, organization: str, slug: str) -> Answer:
        return found(self._teams.get(f"{organization}/{slug}"))

    @route("GET", "/repos/{repository}/contents/{path}")
    def _get_file(self, _: Request, repository: str, path: str) -> Answer:
        text = self._files.get((repository, path))
        return found(None if text is None else settings_bodies.file(repository, path, text))

    # Secrets, by name.

    @route("GET", "/repos/{repository}/actions/secrets")
    def _list_secrets(self, request: Request, repository: str) -> Answer:
        return self._secrets_of(repository, request)

    @route("GET", "/repos/{repository}/actions/organization-secrets")
    def _list_organization_secrets(self, request: Request, repository: str) -> Answer:
        return self._secrets_of(f"{repository}/organization", request)

    @route("GET", "/repos/{repository}/environments/{name}/secrets")
    def _list_environment_secrets(self, request: Request, repository: str, name: str) -> Answer:
        if (repository, name) not in self._environments:
            return problem(404, "Not Found")
        return self._secrets_of(f"{repository}/{name}", request)

    def _secrets_of(self, place: str, request: Request) -> Answer:
        if not self.administers:
            return problem(403, NOT_ALLOWED)
        names = self._secrets.get(place, ())
        secrets = [
            {"name": name, "created_at": bodies.now(), "updated_at": bodies.now()} for name in names
        ]
        return self.page(secrets, request, "secrets")

    # Environments.

    @route("PUT", "/repos/{repository}/environments/{name}")
    def _put_environment(self, request: Request, repository: str, name: str) -> Answer:
        if not self.administers:
            return problem(403, NOT_ALLOWED)
        body = request.body
        if body.get("reviewers") and not self.reviewers_on_plan:
            return problem(422, BILLING)
        earlier = self._environments.get((repository, name))
        rules = earlier["protection_rules"] if earlier else ()
        known = {bodies.user(login)["id"]: bodies.user(login) for login in self.people}
        known |= {team["id"]: settings_bodies.short_team(team) for team in self._teams.values()}
        known |= {
            item["reviewer"]["id"]: item["reviewer"]
            for rule in rules
            for item in rule.get("reviewers", ())
        }
        reviewers = [
            {"type": item["type"], "reviewer": known[item["id"]]}
            for item in body.get("reviewers") or ()
        ]
        environment = bodies.environment(
            repository,
            name,
            earlier["id"] if earlier else self.next_id(),
            reviewers=reviewers,
            prevent_self_review=body.get("prevent_self_review", False),
            wait_timer=body.get("wait_timer", 0),
            branches=body.get("deployment_branch_policy"),
        )
        self._environments[repository, name] = environment
        return Answer(200, environment)

    @route("GET", "/repos/{repository}/environments/{name}/deployment-branch-policies")
    def _list_policies(self, request: Request, repository: str, name: str) -> Answer:
        policies = self._policies.get((repository, name), [])
        return self.page(policies, request, "branch_policies")

    @route("POST", "/repos/{repository}/environments/{name}/deployment-branch-policies")
    def _add_policy(self, request: Request, repository: str, name: str) -> Answer:
        if not self.administers:
            return problem(403, NOT_ALLOWED)
        environment = self._environments.get((repository, name))
        if environment is None or not (environment["deployment_branch_policy"] or {}).get(
            "custom_branch_policies"
        ):
            return problem(404, "Not Found")
        identity = self.next_id()
        policy = {"id": identity, "node_id": bodies.node_id("Policy", identity), **request.body}
        self._policies.setdefault((repository, name), []).append(policy)
        return Answer(200, policy)

    # Rules of branches.

    @route("GET", "/repos/{repository}/rules/branches/{branch}")
    def _list_rules(self, request: Request, repository: str, branch: str) -> Answer:
        rules = [
            {
                **rule,
                "ruleset_id": ruleset["id"],
                "ruleset_source": repository,
                "ruleset_source_type": "Repository",
            }
            for ruleset in self.rulesets(repository)
            if ruleset["enforcement"] == "active"
            and {"~DEFAULT_BRANCH", "~ALL", f"refs/heads/{branch}"}
            & set(ruleset["conditions"]["ref_name"]["include"])
            for rule in ruleset["rules"]
        ]
        return self.page(rules, request)

    @route("GET", "/repos/{repository}/branches/{branch}/protection")
    def _get_protection(self, _: Request, repository: str, branch: str) -> Answer:
        if not self.administers:
            return problem(403, NOT_ALLOWED)
        protection = self._protection.get(f"{repository}/{branch}")
        return problem(404, "Branch not protected") if protection is None else found(protection)

    @route("GET", "/repos/{repository}/rulesets")
    def _list_rulesets(self, request: Request, repository: str) -> Answer:
        short = [
            {name: value for name, value in ruleset.items() if name not in {"rules", "conditions"}}
            for ruleset in self.rulesets(repository)
        ]
        return self.page(short, request)

    @route("GET", "/repos/{repository}/rulesets/{identity}")
    def _get_ruleset(self, _: Request, repository: str, identity: str) -> Answer:
        return found(self._rulesets[repository].get(int(identity)))

    @route("POST", "/repos/{repository}/rulesets")
    def _create_ruleset(self, request: Request, repository: str) -> Answer:
        if not self.administers:
            return problem(403, NOT_ALLOWED)
        if any(ruleset["name"] == request.body["name"] for ruleset in self.rulesets(repository)):
            return problem(422, "Validation Failed: Name must be unique")
        identity = self.add_ruleset(repository, request.body)
        return Answer(201, self._rulesets[repository][identity])

    @route("PUT", "/repos/{repository}/rulesets/{identity}")
    def _put_ruleset(self, request: Request, repository: str, identity: str) -> Answer:
        if not self.administers:
            return problem(403, NOT_ALLOWED)
        changed = settings_bodies.ruleset(repository, int(identity), request.body)
        self._rulesets[repository][int(identity)] = changed
        return Answer(200, changed)

    # Settings of Actions.

    @route("GET", "/repos/{repository}/actions/permissions")
    def _get_permissions(self, _: Request, repository: str) -> Answer:
        return self._actions_of(repository, "permissions")

    @route("GET", "/repos/{repository}/actions/permissions/{setting}")
    def _get_setting(self, _: Request, repository: str, setting: str) -> Answer:
        return self._actions_of(repository, f"permissions/{setting}")

    @route("PUT", "/repos/{repository}/actions/permissions/{setting}")
    def _put_setting(self, request: Request, repository: str, setting: str) -> Answer:
        if not self.administers:
            return problem(403, NOT_ALLOWED)
        self._actions[repository][f"permissions/{setting}"] |= request.body
        return Answer(204)

    def _actions_of(self, repository: str, setting: str) -> Answer:
        if not self.administers:
            return problem(403, NOT_ALLOWED)
        return found(self._actions.get(repository, {}).get(setting))
