"""The registry goes down before, during and after a move: what serves, and what is written down.

While it is up it is a real MLflow server; afterwards its database is looked at as it lies there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ports import free_port
from servers import mlflow_server
from shop import Shop
from tidegate.errors import DeployError, RegistryError
from tidegate.release import lease
from tidegate.release.deployers import command
from tidegate.release.promotion import Mover
from tidegate.release.status import status

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own


@pytest.fixture
def shop(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Production alone, which runs version 1."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    shop.leave_production_alone()
    assert not shop.promote(1, "production").blocked
    return shop


@contextmanager
def on_a_server(shop: Shop) -> Iterator[Callable[[], None]]:
    """The shop's registry is a server; the call kills it. Moves count as of a process that ended:
    the lease cannot be given back then.
    """
    store = f"sqlite:///{shop.folder / 'mlflow.db'}"
    ended = f"{lease.process_identity().split(' ')[0]} 999999999 1"
    with mlflow_server(shop.folder, store) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lease, "process_identity", lambda: ended)
        shop.environ["MLFLOW_TRACKING_URI"] = server.url
        try:
            yield server.kill
        finally:
            del shop.environ["MLFLOW_TRACKING_URI"]


def then(act: Callable[..., Any], follow: Callable[[], None]) -> Callable[..., Any]:
    def both(*arguments: Any) -> Any:
        answer = act(*arguments)
        follow()
        return answer

    return both


def test_down_before__is_an_error_and_nothing_is_touched(shop: Shop) -> None:
    release = shop.release(2)
    shop.environ["MLFLOW_TRACKING_URI"] = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(RegistryError, match="MLflow did not do as asked"):
        shop.mover("production").promote(release, "grace")
    del shop.environ["MLFLOW_TRACKING_URI"]
    assert shop.production() == ("1", "1", [shop.release(1)])


def test_down_after_the_deploying__is_an_error_that_says_what_was_put_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with on_a_server(shop) as kill, monkeypatch.context() as patch:
        patch.setattr(command, "run", then(command.run, kill))
        with pytest.raises(DeployError, match="MLflow did not do as asked") as caught:
            shop.promote(2, "production")
    assert "put back: " in caught.value.what
    # The command deploys what it fetches from the registry, so that it has to wait for it.
    assert shop.production() == ("2", "1", [shop.release(1)])
    assert status(shop.config, shop.context).blocked
    assert not shop.promote(2, "production").blocked
    assert shop.production() == ("2", "2", [shop.release(1), shop.release(2)])


def test_down_before_a_roll_back_is_written_down__it_stays_rolled_back_and_says_so(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not shop.promote(2, "production").blocked
    with on_a_server(shop) as kill, monkeypatch.context() as patch:
        patch.setattr(Mover, "_verify", then(Mover._verify, kill))
        with pytest.raises(DeployError, match="production went back and serves") as caught:
            shop.mover("production").rollback(None, "grace", "errors since 03:00")
    assert "then run this again" in str(caught.value)
    assert shop.production() == ("1", "2", [shop.release(1), shop.release(2)])
    assert not shop.mover("production").rollback(None, "grace", "errors since 03:00").blocked
    assert shop.production() == ("1", "1", [shop.release(1), shop.release(2), shop.release(1)])
