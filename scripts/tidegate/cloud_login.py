"""A login to a cloud without a stored key: a run's identity, traded by the cloud's own library.

Each of the three clouds' libraries looks for the same thing, a file with a token and who to become
with it; only the names of the variables differ. docs/cloud-login.md tells how to set up the other
side.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tidegate.errors import ConfigError

Token = Callable[[str], str]

_AWS = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)
_GOOGLE = re.compile(
    r"(?P<provider>projects/\d+/locations/global/workloadIdentityPools/[a-z0-9-]+/providers/[a-z0-9-]+)"
    r"(?: +(?P<account>[a-z0-9-]+@[a-z0-9.-]+\.iam\.gserviceaccount\.com))?"
)
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_AZURE = re.compile(rf"(?P<tenant>{_UUID})/(?P<client>{_UUID})", re.IGNORECASE)


@contextmanager
def logged_in(login: str, token: Token) -> Iterator[dict[str, str]]:
    """The variables by which a cloud's own library finds its way in, for as long as this lasts.

    login: a role's ARN (AWS), a provider's name and perhaps a service account (Google Cloud), or
    TENANT/CLIENT (Azure). token: gives a token for an audience.
    Raises ConfigError for a login that is none of these.
    """
    login = login.strip()
    # Only its owner can read what is made in it, and it goes when the pull ends.
    with TemporaryDirectory(prefix="tidegate-login-") as made:
        folder = Path(made)
        if _AWS.fullmatch(login):
            yield _aws(login, folder, token)
        elif found := _GOOGLE.fullmatch(login):
            yield _google(found["provider"], found["account"], folder, token)
        elif found := _AZURE.fullmatch(login):
            yield _azure(found["tenant"], found["client"], folder, token)
        else:
            raise ConfigError(
                f"{login!r} names nobody that a cloud knows",
                where="--login",
                remedy="write a role's ARN (AWS), projects/NUMBER/locations/global/"
                "workloadIdentityPools/POOL/providers/PROVIDER (Google Cloud) or TENANT/CLIENT "
                "(Azure); docs/cloud-login.md tells where each stands",
            )


def _aws(role: str, folder: Path, token: Token) -> dict[str, str]:
    return {
        "AWS_ROLE_ARN": role,
        "AWS_WEB_IDENTITY_TOKEN_FILE": _kept(folder, token("sts.amazonaws.com")),
        "AWS_ROLE_SESSION_NAME": "tidegate",
    }


def _google(provider: str, account: str | None, folder: Path, token: Token) -> dict[str, str]:
    settings = {
        "type": "external_account",
        "audience": f"//iam.googleapis.com/{provider}",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {
            "file": _kept(folder, token(f"https://iam.googleapis.com/{provider}"))
        },
    }
    if account:
        settings["service_account_impersonation_url"] = (
            "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
            f"{account}:generateAccessToken"
        )
    path = folder / "credentials.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    return {"GOOGLE_APPLICATION_CREDENTIALS": str(path)}


def _azure(tenant: str, client: str, folder: Path, token: Token) -> dict[str, str]:
    return {
        "AZURE_TENANT_ID": tenant,
        "AZURE_CLIENT_ID": client,
        "AZURE_FEDERATED_TOKEN_FILE": _kept(folder, token("api://AzureADTokenExchange")),
    }


def _kept(folder: Path, token: str) -> str:
    path = folder / "token"
    path.write_text(token, encoding="utf-8")
    return str(path)


# What stands in the environment would win over a login that is asked for.
_OVERRIDING = {
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"),
    *("AZURE_CLIENT_SECRET", "AZURE_STORAGE_KEY", "AZURE_STORAGE_CONNECTION_STRING"),
    *("AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_ACCOUNT_KEY"),
    # And what runs under a login needs no way to take another identity.
    *("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
}


def environment(environ: Mapping[str, str], login: Mapping[str, str]) -> dict[str, str]:
    """`environ` as what is run under a login sees it."""
    return {name: value for name, value in environ.items() if name not in _OVERRIDING} | {**login}
