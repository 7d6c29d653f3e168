"""Object stores: `s3://`, `gs://`, `az://` and `abfss://`, with credentials from the environment.

Objects are listed and fetched by obstore and scanned by Polars: both are the same library below,
and are given the same settings.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from tidegate.data.sources.streams import room_in
from tidegate.errors import ConfigError, DataError

Kind = Literal["s3", "gs", "az"]
_KINDS: Mapping[str, Kind] = {"s3": "s3", "gs": "gs", "az": "az", "abfss": "az"}
_NAMES = {"s3": "S3", "gs": "Google Cloud Storage", "az": "Azure Blob Storage"}

# What is taken from the environment. The first group is enough to be let in.
_CREDENTIALS: Mapping[Kind, tuple[str, ...]] = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SKIP_SIGNATURE"),
    "gs": ("GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_KEY", "GOOGLE_SKIP_SIGNATURE"),
    "az": (
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_STORAGE_USE_EMULATOR",
        "AZURE_SKIP_SIGNATURE",
        "AZURE_USE_AZURE_CLI",
    ),
}
_SETTINGS: Mapping[Kind, tuple[str, ...]] = {
    "s3": (
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_REQUEST_PAYER",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST",
    ),
    "gs": ("GOOGLE_APPLICATION_CREDENTIALS",),
    "az": (
        "AZURE_STORAGE_ACCOUNT_NAME",
        "AZURE_CLIENT_ID",
        "AZURE_TENANT_ID",
        "AZURE_AUTHORITY_HOST",
        "AZURE_STORAGE_ENDPOINT",
    ),
}

_RETRIES = 2
_PATIENCE = timedelta(seconds=20)
_RANGE_BYTES = 32 << 20


@dataclass(frozen=True)
class StoredObject:
    """key: its path in the bucket; tag: the store's ETag, which changes with the content."""

    key: str
    size: int
    tag: str


@dataclass(frozen=True)
class Store:
    """A bucket or container. settings may hold credentials, and are never shown.

    Its methods raise DataError for a store that cannot be reached, or does not let us in.
    """

    address: str
    kind: Kind
    settings: Mapping[str, str] = field(repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled without settings: what opens it takes them from its own environment."""
        return _unpickled, (self.address, self.kind)

    def objects(self, folder: str, *, where: str) -> list[StoredObject]:
        """Every object below a folder."""
        import obstore

        with trouble_named(where):
            return [
                StoredObject(found["path"], found["size"], _tag(found))
                for page in obstore.list(self._client(), prefix=folder)
                for found in page
            ]

    def object(self, key: str, *, where: str) -> StoredObject | None:
        """One object, or None if there is none of that name."""
        import obstore

        with trouble_named(where):
            try:
                found = obstore.head(self._client(), key)
            except FileNotFoundError:
                return None
            return StoredObject(key, found["size"], _tag(found))

    def fetch(self, found: StoredObject, path: Path) -> None:
        """Copy an object into a file. Raises DataError when it is gone or changed meanwhile."""
        import obstore

        client = self._client()
        with room_in(path.parent), path.open("wb") as file:
            # In ranges, so that a slow line and a large object do not run into a time limit.
            for start in range(0, found.size, _RANGE_BYTES):
                span = (start, min(start + _RANGE_BYTES, found.size))
                with trouble_named(f"{self.address}/{found.key}"):
                    content = obstore.get(
                        client, found.key, options={"range": span, "if_match": f'"{found.tag}"'}
                    ).bytes()
                file.write(content)

    def scan_options(self) -> dict[str, Any]:
        """Keyword arguments for Polars' scans of this store."""
        return {
            "storage_options": {
                **self.settings,
                "allow_http": "true",
                "max_retries": _RETRIES,
                "retry_timeout_ms": _PATIENCE // timedelta(milliseconds=1),
            },
            "credential_provider": None if self._has_credentials() else "auto",
        }

    def _client(self) -> Any:
        from obstore.store import from_url

        return from_url(
            self.address,
            config=dict(self.settings),
            client_options={"allow_http": True},  # an endpoint of one's own says which it is
            retry_config={"max_retries": _RETRIES, "retry_timeout": _PATIENCE},
            credential_provider=None if self._has_credentials() else self._provider(),
        )

    def _has_credentials(self) -> bool:
        return any(name.lower() in self.settings for name in _CREDENTIALS[self.kind])

    def _provider(self) -> Any:
        """The cloud's own library, which knows profiles, logins and federated identities.

        None where it is not installed or knows nothing: the metadata service is asked then.
        """
        try:
            if self.kind == "s3":
                from obstore.auth.boto3 import Boto3CredentialProvider

                return Boto3CredentialProvider()
            if self.kind == "gs":
                from obstore.auth.google import GoogleCredentialProvider

                return GoogleCredentialProvider()
            from obstore.auth.azure import AzureCredentialProvider

            return AzureCredentialProvider()
        except Exception:  # each of the three libraries has its own word for "no credentials"
            return None


def _tag(found: Mapping[str, Any]) -> str:
    # A head has it in quotes, and some lists do not.
    return str(found["e_tag"]).strip('"')


def is_address(path: str) -> bool:
    return path.partition("://")[0] in _KINDS and "://" in path


def store_of(address: str, environ: Mapping[str, str], *, where: str) -> tuple[Store, str]:
    """The store that an address is in, and the path in it.

    Raises ConfigError for an address without a bucket, or when the extra is not installed.
    """
    scheme, _, rest = address.partition("://")
    bucket, _, path = rest.partition("/")
    kind = _KINDS[scheme]
    if not bucket:
        raise ConfigError(
            f"{address!r} names no bucket",
            where=where,
            remedy=f"write {scheme}://bucket/folder",
        )
    if importlib.util.find_spec("obstore") is None:
        raise ConfigError(
            f"tidegate cannot read from {_NAMES[kind]} as it is installed",
            where=f"{where}: {address}",
            remedy=f"install tidegate[{kind}]",
        )
    return Store(f"{scheme}://{bucket}", kind, _settings(kind, environ)), path


def _settings(kind: Kind, environ: Mapping[str, str]) -> dict[str, str]:
    names = (*_CREDENTIALS[kind], *_SETTINGS[kind])
    return {name.lower(): environ[name] for name in names if environ.get(name)}


def _unpickled(address: str, kind: Kind) -> Store:
    return Store(address, kind, _settings(kind, os.environ))


@contextmanager
def trouble_named(where: str) -> Iterator[None]:
    """Raise DataError for what a store, or the way to it, raises."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, OSError) as error:
        raise trouble(error, where) from None


def trouble(error: Exception, where: str) -> DataError:
    """What a store says, in our words: its own are long, and may hold a signed address."""
    text = str(error)
    status = _first(r"status code: (\d{3})", text)
    code = _first(r"<Code>(\w+)</Code>", text)
    if re.search(r"169\.254\.169\.254|metadata\.google|credential provider", text):
        what = "no credentials for it are found, or they have expired"
        remedy = "set them in the environment (docs/data.md lists the variables), or log in"
    elif "Account must be specified" in text:
        what, remedy = "no storage account is named", "set AZURE_STORAGE_ACCOUNT_NAME"
    elif code in ("NoSuchBucket", "ContainerNotFound"):
        what, remedy = "there is no such bucket", "mend the address, or the endpoint and region"
    elif status in ("401", "403") or isinstance(error, PermissionError):
        what = "access is denied" + (f" ({code})" if code else "")
        remedy = "give these credentials the right to list and to read there, or set others"
    elif status == "404" or isinstance(error, FileNotFoundError):
        what = "the object does not exist (any more)"
        remedy = "run the pipeline that writes it, and nothing that deletes it meanwhile"
    elif status == "412":
        what, remedy = "the object changed while it was read", "run it again"
    elif not status and re.search("error sending request|tcp connect|dns error|timed out", text):
        what = "the store cannot be reached"
        remedy = "look at the network, the proxy and the endpoint; the address may be misspelt"
    else:
        line = (text.strip().splitlines() or [type(error).__name__])[0]
        reason = code or re.sub(r"\?\S+", "", line)[:300]
        what, remedy = f"the store does not answer as it should: {reason}", "try again later"
    return DataError(what, where=where, remedy=remedy)


def _first(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text)
    return found[1] if found else None
