"""One comment a service on a pull request, updated in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tidegate.errors import GitHubError
from tidegate.github.api import GitHub

Body = Callable[[str], str]


def upsert(github: GitHub, pull_request: int, marker: str, body: Body, *, nameless: str) -> str:
    """Write the comment that begins with `marker`, over its earlier self; its address.

    body: the comment's text, given that of its earlier self; empty where there is none yet.
    nameless: the marker of a comment that knows no service, as nothing could be read. It takes
    the place of the only comment there is, and gives it back once the service is known.
    """
    try:
        return _write(github, pull_request, marker, body, nameless)
    except GitHubError:
        # Once more from the beginning: an answer may have been lost after the comment was made,
        # or the earlier comment have been deleted meanwhile.
        return _write(github, pull_request, marker, body, nameless)


def _write(github: GitHub, pull_request: int, marker: str, body: Body, nameless: str) -> str:
    ours = _ours(github, pull_request, nameless.removesuffix(" -->"))
    earlier = [comment for comment in ours if comment["body"].startswith(marker)]
    earlier += [comment for comment in ours if comment["body"].startswith(nameless)]
    if marker == nameless and len(ours) == 1:
        earlier = ours
    if earlier:
        text = body(earlier[0]["body"])
        written = github.patch(f"issues/comments/{earlier[0]['id']}", {"body": text})
    else:
        written = github.post(f"issues/{pull_request}/comments", {"body": body("")})
    return str(written["html_url"])


def _ours(github: GitHub, pull_request: int, prefix: str) -> list[Any]:
    """The comments of any service, oldest first.

    Only those that a bot wrote, or the token's own user: people can copy the marker, and whoever
    wrote a comment can change what it says.
    """
    marked = [
        comment
        for comment in github.pages(f"issues/{pull_request}/comments")
        if (comment["body"] or "").startswith(prefix) and comment["user"]
    ]
    login = None
    if any(comment["user"]["type"] != "Bot" for comment in marked):
        login = github.login()
    return [
        comment
        for comment in marked
        if comment["user"]["type"] == "Bot" or comment["user"]["login"] == login
    ]
