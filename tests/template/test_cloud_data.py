"""Data in S3 with nothing but a run's identity: DVC and its own S3 library, against real protocols.

GitHub's token endpoint and AWS' STS are stand-ins; the store is a real S3 server, which knows no
session tokens: the stand-in gives none.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from object_stores import READER, s3_server

ROLE = "arn:aws:iam::123456789012:role/dvc-reader"
DVC = "uv tool run --quiet --from dvc[s3]>=3.60 dvc"
CREDENTIALS = f"""\
<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult><Credentials>
    <AccessKeyId>{READER[0]}</AccessKeyId><SecretAccessKey>{READER[1]}</SecretAccessKey>
    <SessionToken></SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>
  </Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""


@contextmanager
def identities() -> Iterator[tuple[str, list[str]]]:
    """An address that plays GitHub's token endpoint (GET) and STS (POST); roles that were taken."""
    taken: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            audience = parse_qs(urlsplit(self.path).query)["audience"][0]
            known = self.headers["Authorization"] == "Bearer request-secret"
            self._answer(200 if known else 403, json.dumps({"value": f"jwt-{audience}"}))

        def do_POST(self) -> None:
            asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            known = asked["WebIdentityToken"] == ["jwt-sts.amazonaws.com"]
            taken.extend(asked["RoleArn"])
            self._answer(200 if known else 403, CREDENTIALS)

        def _answer(self, status: int, body: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", taken
        finally:
            server.shutdown()
            thread.join()


def run(
    folder: Path, environ: Mapping[str, str], *command: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=dict(environ), capture_output=True, text=True, check=False
    )


@pytest.mark.nightly
def test_pull_data__a_runs_identity_is_all_it_takes_and_the_cache_all_that_later_jobs_need(
    tmp_path: Path,
) -> None:
    (tmp_path / "store").mkdir()
    service = tmp_path / "service"
    service.mkdir()
    (service / "tidegate.yaml").write_text(
        "service: shop\ndata: {orders: {path: orders.csv, schema: schemas.py:Orders}}\n"
    )
    (service / "orders.csv").write_text("id\n1\n")
    with s3_server(tmp_path / "store") as reached, identities() as (url, taken):
        plain = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        plain["PATH"] = f"{Path(sys.executable).parent}:{plain['PATH']}"
        dvc = DVC.split()
        for command in (
            ["git", "init", "--quiet"],
            [*dvc, "init", "--quiet"],
            [*dvc, "remote", "add", "--default", "storage", "s3://data/dvc"],
            [*dvc, "remote", "modify", "storage", "endpointurl", reached["AWS_ENDPOINT_URL"]],
            [*dvc, "add", "--quiet", "orders.csv"],
            [*dvc, "push", "--quiet"],
        ):
            done = run(service, plain | reached, *command)
            assert done.returncode == 0, done.stderr
        (service / "orders.csv").unlink()
        done = run(service, plain, "rm", "-rf", ".dvc/cache")

        pull = ["tidegate", "pull-data", "--dvc", DVC]
        job = plain | {
            "AWS_ENDPOINT_URL_STS": url,
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-secret",
        }
        without = run(service, job, *pull)
        assert without.returncode == 2
        assert taken == []
        done = run(service, job, *pull, "--login", ROLE)
        assert done.returncode == 0, done.stderr
        assert {*taken} == {ROLE}
        assert (service / "orders.csv").read_text() == "id\n1\n"

    # The store is gone, and nobody is logged in: what the job before left in the cache is enough.
    (service / "orders.csv").unlink()
    done = run(service, plain, *pull, "--remote-url", "build/no-remote")
    assert done.returncode == 0, done.stderr
    assert (service / "orders.csv").read_text() == "id\n1\n"
