"""A login by a run's identity: what the cloud's library is given, and for how long."""

from __future__ import annotations

import json
import os
from pathlib import Path

import httpx
import pytest

from tidegate.cloud_login import environment, logged_in
from tidegate.errors import ConfigError, GitHubError
from tidegate.github.identity import identity_token

ROLE = "arn:aws:iam::123456789012:role/dvc-reader"
PROVIDER = "projects/42/locations/global/workloadIdentityPools/github/providers/acme"
ACCOUNT = "dvc-reader@acme.iam.gserviceaccount.com"
TENANT, CLIENT = "8f0e7a4c-0000-4000-8000-0123456789ab", "1d9b6a0f-0000-4000-8000-ba9876543210"


def test_logged_in__aws_role_gets_a_token_file_that_only_its_owner_reads() -> None:
    with logged_in(ROLE, lambda audience: f"token for {audience}") as given:
        path = Path(given["AWS_WEB_IDENTITY_TOKEN_FILE"])
        assert path.read_text() == "token for sts.amazonaws.com"
        assert path.parent.stat().st_mode & 0o077 == 0
        assert given["AWS_ROLE_ARN"] == ROLE
    assert not path.exists()


def test_logged_in__file_goes_even_when_the_pull_fails() -> None:
    seen: list[Path] = []

    def fail() -> None:
        with logged_in(ROLE, lambda _: "t") as given:
            seen.append(Path(given["AWS_WEB_IDENTITY_TOKEN_FILE"]))
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        fail()
    assert not seen[0].exists()


@pytest.mark.parametrize("account", [None, ACCOUNT])
def test_logged_in__google_settings_trade_the_token_of_the_provider(account: str | None) -> None:
    login = f"{PROVIDER} {account}" if account else PROVIDER
    with logged_in(login, lambda audience: f"token for {audience}") as given:
        settings = json.loads(Path(given["GOOGLE_APPLICATION_CREDENTIALS"]).read_text())
        token = Path(settings["credential_source"]["file"]).read_text()
    assert token == f"token for https://iam.googleapis.com/{PROVIDER}"
    assert settings["audience"] == f"//iam.googleapis.com/{PROVIDER}"
    impersonated = settings.get("service_account_impersonation_url")
    assert (impersonated is None) == (account is None)
    assert account is None or account in impersonated


def test_logged_in__azure_client_gets_a_federated_token() -> None:
    with logged_in(f"{TENANT}/{CLIENT}", lambda audience: f"token for {audience}") as given:
        token = Path(given["AZURE_FEDERATED_TOKEN_FILE"]).read_text()
    assert (given["AZURE_TENANT_ID"], given["AZURE_CLIENT_ID"]) == (TENANT, CLIENT)
    assert token == "token for api://AzureADTokenExchange"


@pytest.mark.parametrize(
    "login",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "arn:aws:iam::123456789012:user/ada",
        f"{ROLE}\nAWS_PROFILE=evil",
        f"{PROVIDER} ada@example.com",
        f"{PROVIDER}/../../providers/other",
        f"{TENANT}",
        f"{TENANT}/{CLIENT}/more",
        "https://sts.example.com",
    ],
)
def test_logged_in__what_names_nobody_is_refused_and_no_token_is_asked_for(login: str) -> None:
    def token(audience: str) -> str:
        raise AssertionError(f"a token for {audience} was asked for")

    with pytest.raises(ConfigError, match="names nobody"), logged_in(login, token):
        pass


def test_environment__keys_that_would_win_and_the_way_to_another_identity_are_taken_out() -> None:
    before = {"AWS_ACCESS_KEY_ID": "old", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t", "PATH": "/bin"}
    assert environment(before, {"AWS_ROLE_ARN": ROLE}) == {"PATH": "/bin", "AWS_ROLE_ARN": ROLE}


def github(status: int, body: object) -> httpx.Client:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer secret"
        assert request.url.params["api-version"] == "2.0"
        shown = {"value": f"for {request.url.params['audience']}"} if body is None else body
        return httpx.Response(status, json=shown)

    return httpx.Client(transport=httpx.MockTransport(answer))


GRANTED = {
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://run.example.com/token?api-version=2.0",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret",
}


def test_identity_token__is_asked_for_one_audience() -> None:
    with github(200, None) as http:
        assert identity_token("sts.amazonaws.com", GRANTED, http) == "for sts.amazonaws.com"


@pytest.mark.parametrize(("status", "body"), [(403, {}), (200, {}), (200, ["value"]), (500, None)])
def test_identity_token__answer_that_holds_none_is_an_error_without_the_secret(
    status: int, body: object
) -> None:
    with github(status, body) as http, pytest.raises(GitHubError) as caught:
        identity_token("sts.amazonaws.com", GRANTED, http)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("missing", list(GRANTED))
def test_identity_token__job_without_the_grant_says_what_to_grant(missing: str) -> None:
    environ = {name: value for name, value in GRANTED.items() if name != missing}
    with httpx.Client() as http, pytest.raises(GitHubError, match="id-token: write"):
        identity_token("sts.amazonaws.com", environ, http)


def test_pull_data__dvc_runs_under_the_login_and_nothing_is_left(tmp_path: Path) -> None:
    from tidegate import config as configs
    from tidegate.pipeline import pull_data

    (tmp_path / "tidegate.yaml").write_text("service: shop\n")
    (tmp_path / "dvc.py").write_text(
        "import os; open('seen', 'w').write(open(os.environ['AWS_WEB_IDENTITY_TOKEN_FILE']).read())"
    )
    config = configs.load(tmp_path / "tidegate.yaml")
    with logged_in(ROLE, lambda audience: f"token for {audience}") as login:
        pull_data(config, "python dvc.py", None, [], environment(os.environ, login))
    assert (tmp_path / "seen").read_text() == "token for sts.amazonaws.com"
