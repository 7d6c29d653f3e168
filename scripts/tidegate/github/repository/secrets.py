"""Secrets that the workflows refer to, by name: nobody can read what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from tidegate.config import Config
from tidegate.errors import GitHubError
from tidegate.github.repository.findings import Finding, Repository, not_seen
from tidegate.github.repository.workflows import Workflows


def examine(repository: Repository, config: Config, workflows: Workflows) -> Iterator[Finding]:
    places = {
        "the repository": "actions/secrets",
        "the organization": "actions/organization-secrets",
        **{name: f"environments/{quote(name, safe='')}/secrets" for name in config.environments},
    }
    found: dict[str, list[str]] = {}
    for place, path in places.items():
        try:
            for secret in repository.github.pages(path, "secrets"):
                found.setdefault(secret["name"].upper(), []).append(place)
        except GitHubError as error:
            if error.status == 404 and place in config.environments:
                continue  # an environment that is not there has none
            if error.status not in {403, 404}:
                raise
            yield not_seen(f"secrets of {place}", error)
            return
    if not workflows.secrets:
        yield Finding("secrets", "pass", "the workflows refer to none")
    for name in workflows.secrets:
        if places_of := found.get(name.upper()):
            yield Finding(f"secret {name}", "pass", f"set for {', '.join(places_of)}")
        else:
            yield Finding(
                f"secret {name}",
                "note",
                "a workflow refers to it, and it is set nowhere: it is empty there",
                "set it in Settings, Secrets and variables, or in an environment, if it is needed",
            )
