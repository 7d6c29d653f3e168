"""One comment a service on a pull request, updated in place."""

from __future__ import annotations

from tidegate.github.api import GitHub


def upsert(github: GitHub, pull_request: int, marker: str, body: str) -> str:
    """Write the comment that begins with `marker`, over its earlier self; its address.

    Only a comment that begins with the marker and was written by a bot is taken for an earlier
    one: people can quote the marker, but not write as the bot.
    """
    for comment in github.pages(f"issues/{pull_request}/comments"):
        if comment["body"].startswith(marker) and comment["user"]["type"] == "Bot":
            updated = github.patch(f"issues/comments/{comment['id']}", {"body": body})
            return str(updated["html_url"])
    created = github.post(f"issues/{pull_request}/comments", {"body": body})
    return str(created["html_url"])
