"""The identity of a run: a token that GitHub signs, which a cloud takes in place of a key."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from tidegate.errors import GitHubError

TIMEOUT_SECONDS = 30.0


def identity_token(audience: str, environ: Mapping[str, str], http: httpx.Client) -> str:
    """A token that says which run this is, for `audience` alone; it lives for minutes.

    Raises GitHubError where the job may not have one, or GitHub does not answer.
    """
    url = environ.get("ACTIONS_ID_TOKEN_REQUEST_URL")
    secret = environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    if not url or not secret:
        raise GitHubError(
            "this job may not prove who it is, so no cloud can let it in",
            remedy="grant the job `id-token: write`; the run of a fork's pull request never gets "
            "it, and on a laptop log in with the cloud's own tool and leave --login out",
        )
    try:
        answer = http.get(
            url,
            params={**httpx.URL(url).params, "audience": audience},
            headers={"Authorization": f"Bearer {secret}"},
            timeout=TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
        return str(answer.json()["value"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise GitHubError(
            f"GitHub gave no identity token: {type(error).__name__}",
            remedy="run the job again; githubstatus.com says whether it is GitHub's trouble",
        ) from None
