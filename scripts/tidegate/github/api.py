"""A small client of GitHub's REST API."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
)

from tidegate.errors import GitHubError

ATTEMPTS = 4
MAX_WAIT_SECONDS = 60.0


class GitHub:
    """One repository through GitHub's REST API; retries are bounded and honour retry-after."""

    def __init__(
        self,
        repository: str,
        token: str,
        *,
        api_url: str = "https://api.github.com",
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.repository = repository
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=api_url,
            timeout=30,
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {token}",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> GitHub:
        """The repository of the run. Raises GitHubError where there is no token."""
        repository, token = environ.get("GITHUB_REPOSITORY"), environ.get("GITHUB_TOKEN")
        if not repository or not token:
            missing = "GITHUB_REPOSITORY" if not repository else "GITHUB_TOKEN"
            raise GitHubError(
                f"{missing} is not set",
                remedy="in a workflow, pass `GITHUB_TOKEN: ${{ github.token }}` to the step",
            )
        return cls(
            repository, token, api_url=environ.get("GITHUB_API_URL") or "https://api.github.com"
        )

    def get(self, path: str) -> Any:
        """One resource of the repository; `path` is below /repos/OWNER/NAME."""
        return _json(self._request("GET", self._url(path)))

    def pages(self, path: str) -> Iterator[Any]:
        """Every item of a list, over all its pages."""
        url: str | None = f"{self._url(path)}?per_page=100"
        while url is not None:
            response = self._request("GET", url)
            yield from _json(response)
            url = response.links.get("next", {}).get("url")

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return _json(self._request("POST", self._url(path), body))

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return _json(self._request("PATCH", self._url(path), body))

    def login(self) -> str | None:
        """Login of the token's user; None for the token of a run or an app, which has none."""
        try:
            return str(_json(self._request("GET", "/user"))["login"])
        except GitHubError:
            return None

    def close(self) -> None:
        self._http.close()

    def _url(self, path: str) -> str:
        return f"/repos/{self.repository}/{path}"

    def _request(
        self, method: str, url: str, body: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        attempts = Retrying(
            # What was created may stand there although the answer got lost: not asked for twice.
            retry=retry_if_exception(_is_limit if method == "POST" else _is_passing),
            stop=stop_after_attempt(ATTEMPTS),
            wait=_wait,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return attempts(self._once, method, url, body)
        except httpx.HTTPStatusError as error:
            response = error.response
            raise GitHubError(
                f"GitHub answered {response.status_code} to {method} {response.url.path}: "
                f"{_message(response)}",
                remedy=_remedy(response.status_code),
            ) from None
        except httpx.HTTPError as error:
            raise GitHubError(
                f"GitHub's API did not answer: {error}",
                where=str(self._http.base_url),
                remedy="try again; GITHUB_API_URL names the address",
            ) from None

    def _once(self, method: str, url: str, body: Mapping[str, Any] | None) -> httpx.Response:
        response = self._http.request(method, url, json=body)
        response.raise_for_status()
        return response


def _is_passing(error: BaseException) -> bool:
    """Whether the fault passes by itself: the server's, the network's, or a rate limit."""
    if isinstance(error, httpx.HTTPStatusError):
        return _is_limit(error) or error.response.status_code >= 500
    return isinstance(error, httpx.TransportError)


def _is_limit(error: BaseException) -> bool:
    if not isinstance(error, httpx.HTTPStatusError):
        return False
    headers = error.response.headers
    return error.response.status_code == 429 or (
        error.response.status_code == 403
        and ("retry-after" in headers or headers.get("x-ratelimit-remaining") == "0")
    )


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, httpx.HTTPStatusError):
        asked = error.response.headers.get("retry-after", "")
        if asked.isdigit():
            return min(float(asked), MAX_WAIT_SECONDS)
    return float(2**state.attempt_number)


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        raise GitHubError(
            "the answer is not GitHub's: it is no JSON",
            where=str(response.url),
            remedy="see that GITHUB_API_URL names the API, such as https://api.github.com",
        ) from None


def _message(response: httpx.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200]


def _remedy(status: int) -> str:
    if status in {401, 403}:
        return "give the job the permission that the action's README names; forks never get it"
    if status == 404:
        return "see that it exists, and that the token may see it"
    return "try again; https://www.githubstatus.com says whether GitHub has trouble"
