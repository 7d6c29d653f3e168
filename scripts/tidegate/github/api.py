"""A small client of GitHub's REST API."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
)

from tidegate.errors import GitHubError

ATTEMPTS = 4
# GitHub says when a limit ends. Until then it is not asked again; a job does not sleep for longer.
MAX_WAIT_SECONDS = 120.0
MAX_ASKED_SECONDS = 86_400.0  # of nonsense in a header, a day is believed


class GitHub:
    """One repository through GitHub's REST API; retries are bounded and wait as long as it asks.

    api_url: of github.com, or https://HOST/api/v3 of a GitHub Enterprise Server.
    """

    def __init__(
        self,
        repository: str,
        token: str,
        *,
        api_url: str = "https://api.github.com",
        sleep: Callable[[float], None] | None = None,
        now: Callable[[], float] = time.time,
    ):
        self.repository = repository
        self._sleep = sleep or time.sleep
        self._now = now
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
        """One resource of the repository; `path` is below /repos/OWNER/NAME.

        One that begins with a slash is below the API itself.
        """
        return _json(self._request("GET", self._url(path)))

    def pages(self, path: str, field: str | None = None) -> Iterator[Any]:
        """Every item of a list, over all its pages; field: where it stands in an object."""
        url: str | None = f"{self._url(path)}{'&' if '?' in path else '?'}per_page=100"
        asked = set()
        while url is not None:
            asked.add(url)
            response = self._request("GET", url)
            items = _json(response)
            if field is not None and isinstance(items, dict):
                items = items.get(field)
            if not isinstance(items, list):
                raise _foreign(response, "no list")
            yield from items
            url = response.links.get("next", {}).get("url")
            if url in asked:
                raise _foreign(response, "a list that leads back to itself")

    def content(self, path: str, limit: int) -> bytes:
        """The first `limit` bytes of what GitHub keeps elsewhere and answers with an address for.

        The token is not sent there.
        """
        return self._request("GET", self._url(path), limit=limit).content

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return _json(self._request("POST", self._url(path), body))

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return _json(self._request("PATCH", self._url(path), body))

    def put(self, path: str, body: Mapping[str, Any]) -> None:
        self._request("PUT", self._url(path), body)

    def delete(self, path: str) -> None:
        """Remove a resource; one that is gone already is as good."""
        try:
            self._request("DELETE", self._url(path))
        except GitHubError as error:
            if error.status != 404:
                raise

    def start_workflow(self, file: str, inputs: Mapping[str, str]) -> None:
        """Start a workflow on the default branch, as a person would by its button."""
        body = {"ref": self.get("")["default_branch"], "inputs": dict(inputs)}
        self._request("POST", self._url(f"actions/workflows/{file}/dispatches"), body)

    def login(self) -> str | None:
        """Login of the token's user; None for the token of a run or an app, which has none."""
        try:
            return str(_json(self._request("GET", "/user"))["login"])
        except GitHubError:
            return None

    @property
    def on_enterprise_server(self) -> bool:
        """Whether the API is not github.com's, and may be a version that lacks something."""
        return self._http.base_url.path.startswith("/api/v3")

    def close(self) -> None:
        self._http.close()

    def _url(self, path: str) -> str:
        return path if path.startswith("/") else f"/repos/{self.repository}/{path}".rstrip("/")

    def _request(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
    ) -> httpx.Response:
        attempts = Retrying(
            # What was created may stand there although the answer got lost: not asked for twice.
            retry=retry_if_exception(_is_limit if method == "POST" else _is_passing),
            stop=lambda state: state.attempt_number >= ATTEMPTS or self._is_too_long(state),
            wait=self._wait,
            sleep=self._sleep,
            reraise=True,
        )
        self._stay_home(url)
        try:
            if limit is not None:
                return attempts(self._download, url, limit)
            return attempts(self._once, method, url, body)
        except httpx.HTTPStatusError as error:
            response = error.response
            raise GitHubError(
                f"GitHub answered {response.status_code} to {method} {response.url.path}: "
                f"{_message(response)}",
                remedy=self._remedy(error),
                status=response.status_code,
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

    def _download(self, url: str, limit: int) -> httpx.Response:
        # As it is: unpacking it on the way could give far more than `limit` at once.
        plain = {"Accept-Encoding": "identity"}
        with self._http.stream("GET", url, headers=plain, follow_redirects=True) as response:
            if response.is_error:
                response.read()
            response.raise_for_status()
            content = bytearray()
            for piece in response.iter_raw(65_536):
                content += piece[: limit - len(content)]
                if len(content) >= limit:
                    break
        return httpx.Response(200, content=bytes(content), request=response.request)

    def _stay_home(self, url: str) -> None:
        """The token goes to the API and nowhere else, wherever an answer's link may point."""
        home, there = self._http.base_url, httpx.URL(url)
        if there.is_relative_url and not there.host:  # a path below the API
            return
        same_host = (there.scheme, there.host, there.port) == (home.scheme, home.host, home.port)
        if same_host and there.path.startswith(home.path):
            return
        raise GitHubError(
            f"an answer links to {there.scheme}://{there.host}, where the token must not go",
            where=str(home),
            remedy="see that GITHUB_API_URL names the API itself, and not what stands before it",
        )

    def _wait(self, state: RetryCallState) -> float:
        asked = self._asked_to_wait(state.outcome.exception() if state.outcome else None)
        return float(2**state.attempt_number) if asked is None else asked

    def _is_too_long(self, state: RetryCallState) -> bool:
        return self._wait(state) > MAX_WAIT_SECONDS

    def _asked_to_wait(self, error: BaseException | None) -> float | None:
        """Seconds until GitHub wants to be asked again, where it says so."""
        if not isinstance(error, httpx.HTTPStatusError) or not _is_limit(error):
            return None
        headers = error.response.headers
        if (asked := headers.get("retry-after", "")).isdecimal():
            return float(asked)
        reset = headers.get("x-ratelimit-reset", "")
        if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
            return max(1.0, float(reset) - self._now())
        return None

    def _remedy(self, error: httpx.HTTPStatusError) -> str:
        status = error.response.status_code
        if (asked := self._asked_to_wait(error)) is not None:
            until = datetime.fromtimestamp(self._now() + min(asked, MAX_ASKED_SECONDS), UTC)
            return f"GitHub wants to be left alone until {until:%H:%M} UTC: run it again then"
        if status in {401, 403}:
            return "give the job the permission that the action's README names; forks never get it"
        if status == 404:
            return "see that it exists, and that the token may see it"
        if status == 422:
            return "GitHub understood the request and does not accept it: its answer says why"
        if status < 400:
            return "the repository was renamed or moved: use its new name"
        return "try again; https://www.githubstatus.com says whether GitHub has trouble"


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


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        raise _foreign(response, "no JSON") from None


def _foreign(response: httpx.Response, what: str) -> GitHubError:
    return GitHubError(
        f"the answer is not GitHub's: it is {what}",
        where=str(response.url),
        remedy="see that GITHUB_API_URL names the API, such as https://api.github.com",
    )


def _message(response: httpx.Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200]
