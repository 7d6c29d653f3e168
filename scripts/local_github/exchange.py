"""A request and its answer, and how an operation of GitHub's is marked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

DOCUMENTATION = "https://docs.github.com/rest"


@dataclass(frozen=True)
class Answer:
    """A response: its status, JSON body (None for none) and extra headers.

    foreign: GitHub itself would not give it, nor is it held to its description.
    """

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    foreign: bool = False


@dataclass(frozen=True)
class Request:
    """What a client asked for; body: the JSON it sent, None for none."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    base_url: str


Responder = TypeVar("Responder", bound=Callable[..., Answer])


def route(method: str, template: str) -> Callable[[Responder], Responder]:
    """Mark a method as GitHub's operation; it gets each `{parameter}` of the path as an argument.

    `{repository}` is OWNER/NAME, `{path}` all that is left; any other is one segment.
    """
    patterns = {"repository": r"[^/]+/[^/]+", "path": ".+"}

    def named(match: re.Match[str]) -> str:
        return f"(?P<{match[1]}>{patterns.get(match[1], '[^/]+')})"

    def mark(respond: Responder) -> Responder:
        pattern = re.compile(re.sub(r"\{(\w+)\}", named, template))
        respond.route = (method, pattern)  # type: ignore[attr-defined]
        return respond

    return mark


def found(resource: dict[str, Any] | None) -> Answer:
    return problem(404, "Not Found") if resource is None else Answer(200, resource)


def problem(status: int, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    body = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}
    return Answer(status, body, headers or {})
