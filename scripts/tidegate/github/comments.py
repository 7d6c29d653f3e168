"""One comment a service on a pull request, updated in place, whoever else writes it just then.

Jobs may race: each finds no comment and makes one. So whoever made one looks again. The oldest
stays, with what the last to write it says; a younger twin is deleted by whoever sees it. GitHub
numbers comments in the order they are made, so all agree which is the oldest, and since every job
looks after it wrote, no twin goes unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tidegate.errors import GitHubError
from tidegate.github.api import GitHub

Body = Callable[[str], str]
Comment = dict[str, Any]


def upsert(github: GitHub, pull_request: int, marker: str, body: Body, *, nameless: str) -> str:
    """Write the comment that begins with `marker`, over its earlier self; its address.

    body: the comment's text, given that of its earlier self; empty where there is none yet.
    nameless: the marker of a comment that knows no service, as nothing could be read. It takes
    the place of the only comment there is, and gives it back once the service is known.
    """
    try:
        return _write(github, pull_request, marker, body, nameless)
    except GitHubError as error:
        if error.status is not None and error.status != 404 and error.status < 500:
            raise
        # Once more from the beginning: an answer may have been lost after the comment was made,
        # or the earlier comment have been deleted meanwhile.
        return _write(github, pull_request, marker, body, nameless)


def _write(github: GitHub, pull_request: int, marker: str, body: Body, nameless: str) -> str:
    ours = _ours(github, pull_request, nameless.removesuffix(" -->"))
    earlier = [comment for comment in ours if comment["body"].startswith(marker)]
    twins = earlier[1:]
    earlier += [comment for comment in ours if comment["body"].startswith(nameless)]
    if marker == nameless and len(ours) == 1:
        earlier = ours
    if earlier:
        written = _update(github, earlier[0], body)
        _delete(github, written, twins)
        return str(written["html_url"])
    made = _whole(github, github.post(f"issues/{pull_request}/comments", {"body": body("")}))
    return str(_oldest(github, pull_request, marker, made, body)["html_url"])


def _oldest(github: GitHub, pull_request: int, marker: str, made: Comment, body: Body) -> Comment:
    """The one comment that stays of those made at the same time, with our text."""
    same: dict[int, Comment] = {
        comment["id"]: comment
        for comment in _comments(github, pull_request)
        if comment["body"].startswith(marker) and _same_author(comment, made)
    }
    same[made["id"]] = made  # whether or not the list has it already
    first = same.pop(min(same))
    if first["id"] != made["id"]:
        first = _update(github, first, body)
    _delete(github, first, list(same.values()))
    return first


def _update(github: GitHub, comment: Comment, body: Body) -> Comment:
    text = body(comment["body"])
    return _whole(github, github.patch(f"issues/comments/{comment['id']}", {"body": text}))


def _delete(github: GitHub, kept: Comment, twins: list[Comment]) -> None:
    """Delete twins, of the same author only: nobody else's words."""
    for twin in twins:
        if _same_author(twin, kept):
            github.delete(f"issues/comments/{twin['id']}")


def _same_author(one: Comment, other: Comment) -> bool:
    return bool(one["user"] and other["user"] and one["user"]["id"] == other["user"]["id"])


def _ours(github: GitHub, pull_request: int, prefix: str) -> list[Comment]:
    """The comments of any service, oldest first.

    Only those that a bot wrote, or the token's own user: people can copy the marker, and whoever
    wrote a comment can change what it says.
    """
    marked = [
        comment
        for comment in _comments(github, pull_request)
        if comment["body"].startswith(prefix) and comment["user"]
    ]
    login = None
    if any(comment["user"]["type"] != "Bot" for comment in marked):
        login = github.login()
    return [
        comment
        for comment in marked
        if comment["user"]["type"] == "Bot" or comment["user"]["login"] == login
    ]


def _comments(github: GitHub, pull_request: int) -> Iterator[Comment]:
    for comment in github.pages(f"issues/{pull_request}/comments"):
        yield _whole(github, comment)


def _whole(github: GitHub, comment: Any) -> Comment:
    """A comment with all that is looked at here; user: None where the account is gone."""
    try:
        user = comment["user"]
        return {
            "id": int(comment["id"]),
            "html_url": str(comment["html_url"]),
            "body": comment.get("body") or "",
            "user": user and {name: user[name] for name in ("id", "login", "type")},
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        raise GitHubError(
            "the answer is not GitHub's: it is no comment",
            where=github.repository,
            remedy="see that GITHUB_API_URL names the API, such as https://api.github.com",
        ) from None
