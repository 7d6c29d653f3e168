"""One number from Prometheus: its HTTP API, asked once, with bounds on time and size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

import httpx

from tidegate.errors import ConfigError, TidegateError, refused_by_the_system

TIMEOUT_SECONDS = 20.0
MAX_ANSWER = 1_000_000  # bytes


class PrometheusError(TidegateError):
    """Prometheus did not answer, or not with one number."""


class Prometheus:
    """A Prometheus server. Credentials come from the environment alone."""

    def __init__(self, address: str, environ: Mapping[str, str]):
        self.address = address.rstrip("/")
        self._headers: dict[str, str] = {}
        self._login: tuple[str, str] | None = None
        if token := environ.get("PROMETHEUS_TOKEN"):
            self._headers["Authorization"] = f"Bearer {token}"
        elif name := environ.get("PROMETHEUS_USERNAME"):
            self._login = (name, environ.get("PROMETHEUS_PASSWORD", ""))

    def number(self, query: str, at: datetime) -> float | None:
        """The value of a query at a time; None where there is no data.

        Raises PrometheusError for no answer, several series, or what is no number; ConfigError for
        a query that Prometheus does not understand.
        """
        answer = self._ask({"query": query, "time": at.timestamp(), "timeout": "15s"})
        data = answer.get("data") or {}
        kind, result = data.get("resultType"), data.get("result")
        if kind == "vector" and isinstance(result, list):
            if len(result) > 1:
                raise PrometheusError(
                    f"the query gives {len(result)} series, and one number is wanted",
                    where=f"{self.address}: {query}",
                    remedy="put sum(...), max(...) or avg(...) around it",
                )
            sample = result[0].get("value") if result else None
        elif kind == "scalar":
            sample = result
        else:
            raise PrometheusError(
                f"the query gives a {kind}, and one number is wanted",
                where=f"{self.address}: {query}",
                remedy="write an instant query, such as sum(rate(...[{window}]))",
            )
        if sample is None:
            return None
        try:
            value = float(sample[1])
        except (TypeError, ValueError, IndexError):
            raise self._strange("a value that is no number") from None
        # NaN is what Prometheus makes of nothing divided by nothing.
        return value if math.isfinite(value) else None

    def _ask(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        client = httpx.Client(timeout=TIMEOUT_SECONDS, headers=self._headers, auth=self._login)
        try:
            with closing(client), client.stream(
                "POST", f"{self.address}/api/v1/query", data=dict(parameters)
            ) as response:  # fmt: skip
                body = b""
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > MAX_ANSWER:
                        raise self._strange(f"more than {MAX_ANSWER:,} bytes")
        except httpx.HTTPError as error:
            raise PrometheusError(
                f"Prometheus did not answer: {refused_by_the_system(error) or error}",
                where=self.address,
                remedy="see that watch.prometheus is right, and that the runner reaches it",
            ) from None
        if response.status_code in {401, 403}:
            raise PrometheusError(
                f"Prometheus answered {response.status_code}: it wants other credentials",
                where=self.address,
                remedy="set PROMETHEUS_TOKEN, or PROMETHEUS_USERNAME and PROMETHEUS_PASSWORD",
            )
        try:
            answer = httpx.Response(200, content=body).json()
            assert isinstance(answer, dict)  # noqa: S101 - else as no JSON
        except (ValueError, AssertionError):
            raise self._strange(f"{response.status_code}, and no JSON") from None
        if answer.get("status") == "success":
            return answer
        if answer.get("errorType") == "bad_data":
            raise ConfigError(
                f"Prometheus does not understand the query: {str(answer.get('error'))[:300]}",
                where=f"{self.address}: {parameters['query']}",
                remedy="mend the query in tidegate.yaml",
            )
        raise PrometheusError(
            f"Prometheus answered {response.status_code}: {str(answer.get('error'))[:300]}",
            where=self.address,
            remedy="try again; see the server's log",
        )

    def _strange(self, what: str) -> PrometheusError:
        return PrometheusError(
            f"the answer is not Prometheus's: {what}",
            where=self.address,
            remedy="see that watch.prometheus names the server itself, such as http://prometheus:9090",
        )
