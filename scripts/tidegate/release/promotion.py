"""Promotion, roll-back and hold: preflight, deploy, verify, then the alias and the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tidegate.config import Config
from tidegate.context import Context
from tidegate.errors import DeployError, TidegateError
from tidegate.registry import EXAMPLES_ARTIFACT, ModelVersion, Registry
from tidegate.release.deployers import Deployer, deployer_for
from tidegate.release.lease import Lease, Leased
from tidegate.release.ledger import (
    Event,
    Ledger,
    holds,
    last_release,
    moves,
    releases_before,
    time_after,
)
from tidegate.release.preflight import Preflight, Refused
from tidegate.release.release import Release
from tidegate.release.serving import Example, connect, read_examples
from tidegate.release.steps import MoveReport, Step
from tidegate.verdict import Verdict

MAX_REASON = 2_000  # characters: MLflow takes some thousands in a tag


@dataclass(frozen=True)
class _Move:
    """What was asked for. kind: promotion or rollback."""

    kind: str
    approver: str | None
    reason: str | None


class Unverified(TidegateError):
    """The release runs, and does not answer as it should."""


class Overtaken(DeployError):
    """Another run moves the environment now; this one must touch nothing more."""


@dataclass(frozen=True)
class Mover:
    """Moves releases on one environment. Each call may be killed at any point and made again."""

    config: Config
    context: Context
    registry: Registry
    ledger: Ledger
    environment: str

    @classmethod
    def open(cls, config: Config, context: Context, environment: str) -> Mover:
        config.need_environment(environment)
        registry = Registry.open(config, context)
        return cls(config, context, registry, Ledger(registry), environment)

    def promote(
        self, release_id: str, approver: str | None = None, reason: str | None = None
    ) -> MoveReport:
        """Put a release on the environment, or leave everything as it was.

        A refusal is a verdict; a registry or engine that does not answer is an error.
        """
        return self._alone(
            _Move("promotion", approver, reason),
            lambda events: self.ledger.release(release_id),  # noqa: ARG005
        )

    def rollback(self, to: str | None, approver: str | None, reason: str) -> MoveReport:
        """Put the environment back to an earlier release; it skips the gate, never the approval.

        to: id of a release that ran there; None is the one that ran before the present one.
        """
        return self._alone(
            _Move("rollback", approver, reason), lambda events: self._earlier(events, to)
        )

    def hold(self, *, release: bool, reason: str | None) -> MoveReport:
        """Keep the environment from promotions, or let it take them again."""
        _need_room_for(reason)
        events = self.ledger.events()
        now = last_release(events, self.environment)
        kind = "unhold" if release else "hold"
        event = self._event(kind, events, None, now, None, reason, None)
        self.ledger.record(event)
        said = "takes promotions again" if release else "takes no promotion until it is released"
        step = Step(event.kind, Verdict.PASS, 0.0, f"{self.environment} {said}")
        return MoveReport(self.config.service, self.environment, now, now, [step], event)

    def _alone(
        self,
        move: _Move,
        choose: Callable[[Sequence[Event]], Release],
    ) -> MoveReport:
        """Make a move while nobody else makes one; what stands in the ledger is read only then."""
        _need_room_for(move.reason)
        started = time.monotonic()
        holder = {
            "kind": move.kind,
            "actor": self.context.actor(self.config.root),
            "run_url": self.context.run_url(),
        }
        try:
            with self.ledger.lease(self.environment, self.context.timestamp(), holder) as lease:
                events = self.ledger.events()
                return self._move(move, choose(events), events, lease, started)
        except Leased as refusal:
            now = last_release(self.ledger.events(), self.environment)
            step = Step("preflight", Verdict.FAIL, time.monotonic() - started, str(refusal))
            return MoveReport(self.config.service, self.environment, now, now, [step])

    def _earlier(self, events: Sequence[Event], to: str | None) -> Release:
        there = moves(events, self.environment)
        taken = [event.release for event in there]
        if to is not None and to not in taken:
            raise DeployError(
                f"{self.environment} never ran {to!r}",
                remedy=f"it ran: {', '.join(dict.fromkeys(str(r) for r in taken)) or 'nothing'}",
            )
        if to is None:
            before = releases_before(there)
            again = there and there[-1].kind == "rollback" and holds(events, self.environment)
            if again:
                to = taken[-1]  # it went back already, and must not go back further
            elif before:
                to = before[-1]
            else:
                raise DeployError(
                    f"{self.environment} has run no earlier release to go back to",
                    remedy="`tidegate status` shows what it ran; --to names one of them",
                )
        return self.ledger.release(str(to))

    def _move(
        self,
        move: _Move,
        release: Release,
        events: Sequence[Event],
        lease: Lease,
        started: float,
    ) -> MoveReport:
        before = last_release(events, self.environment)
        report = MoveReport(
            self.config.service,
            self.environment,
            before,
            before,
            watched=self.context.interactive,
        )
        approved_by: list[str] = []

        def preflight() -> str:
            ask = Preflight(self.config, self.context, self.registry, self.environment)
            said = list(ask.promotion(release, events)) if move.kind == "promotion" else []
            who = ask.approval(release, move.approver)
            if who is not None:
                approved_by.append(who)
                said.append(f"approved by {who}")
            return "; ".join(said) or "nothing stands against it"

        if not report.take("preflight", preflight, Refused):
            return report
        deployer = deployer_for(self.config, self.environment, self.registry, self.context.environ)
        # What is needed to put things back is fetched now: the registry may not answer then.
        previous = None if before is None else self.ledger.release(before)
        with TemporaryDirectory() as folder:
            examples = self._examples(release, Path(folder))

        def verify(url: str) -> None:
            self._verify(url, release, examples)

        def verified() -> str:
            with deployer.reached() as url:
                verify(url)
            return f"{url} answers as {release.id}, {len(examples)} predictions equal"

        def record() -> str:
            if lease.is_lost():
                raise Overtaken(
                    f"another run took {self.environment} over while this one stood still",
                    remedy="`tidegate status` shows what runs there now",
                )
            there = moves(events, self.environment)
            if self.config.is_last(self.environment):
                self.registry.set_alias(self.registry.champion_alias, release.model_version)
            if there and (there[-1].kind, there[-1].release) == (move.kind, release.id):
                report.after, report.event = release.id, there[-1]
                return "the ledger has it already"
            who = approved_by[0] if approved_by else None
            event = self._event(
                move.kind, events, release, before, who, move.reason, time.monotonic() - started
            )
            self.ledger.record_move(event, lease)
            report.after, report.event = release.id, event
            return f"{self.environment} runs {release.id}"

        champion = self.registry.champion() if self.config.is_last(self.environment) else None
        try:
            good = report.take(
                "deploy", lambda: deployer.deploy(release, verify), Unverified
            ) and report.take("verify", verified, Unverified)
            if good:
                report.take("record", record, Refused)
        except Overtaken:
            raise
        except TidegateError as error:
            # It could not be decided whether the release is any good, or not be written down that
            # it runs: an error, not a verdict.
            raise self._undone(report, deployer, move, previous, champion, error) from None
        if not good:
            self._put_back(report, deployer, previous)
        return report

    def _undone(
        self,
        report: MoveReport,
        deployer: Deployer,
        move: _Move,
        previous: Release | None,
        champion: ModelVersion | None,
        error: TidegateError,
    ) -> DeployError:
        verified = [step.name for step in report.steps] == ["preflight", "deploy", "verify"]
        if verified and move.kind == "rollback":
            # Whoever rolls back wants out of what ran before: it stays out.
            what = f"{error.what}; {self.environment} went back and serves, the ledger lacks it"
            remedy = f"{error.remedy}; then run this again, which writes it down"
            return DeployError(what, where=error.where, remedy=remedy)
        self._put_back(report, deployer, previous)
        what = f"{error.what}; put back: {report.steps[-1].detail}"
        if verified and self.config.is_last(self.environment):
            alias = self.registry.champion_alias
            try:
                if champion is None:
                    self.registry.delete_alias(alias)
                else:
                    self.registry.set_alias(alias, champion.version)
            except TidegateError:
                what += f"; the alias {alias} may have moved: `tidegate status` will say"
        return DeployError(what, where=error.where, remedy=error.remedy)

    def _verify(self, url: str, release: Release, examples: Sequence[Example]) -> None:
        with connect(url, self.config.serving) as service:
            service.wait_until_ready()
            for check in (service.check_identity(release.id), service.check_predictions(examples)):
                if check.verdict is not Verdict.PASS:
                    raise Unverified(
                        f"{check.name}: {check.detail}",
                        where=url,
                        remedy="the environment was put back; mend the image and release again",
                    )

    def _examples(self, release: Release, folder: Path) -> list[Example]:
        version = self.registry.version(release.model_version)
        return read_examples(self.registry.download(version, EXAMPLES_ARTIFACT, folder))

    def _put_back(self, report: MoveReport, deployer: Deployer, previous: Release | None) -> None:
        def put_back() -> str:
            if previous is not None and deployer.running() == previous.id:
                return f"{previous.id} never stopped"
            deployer.restore(previous)
            return f"{previous.id if previous else 'nothing'} runs again"

        report.take("put back", put_back, TidegateError)

    def _event(
        self,
        kind: str,
        events: Sequence[Event],
        release: Release | None,
        before: str | None,
        approver: str | None,
        reason: str | None,
        seconds: float | None,
    ) -> Event:
        return Event(
            kind=kind,
            at=time_after(events, self.context.now()),
            environment=self.environment,
            release=None if release is None else release.id,
            before=before,
            actor=self.context.actor(self.config.root),
            approver=approver,
            reason=reason,
            record_digest=None if release is None else release.record_digest,
            run_url=self.context.run_url(),
            seconds=None if seconds is None else round(seconds, 3),
        )


def _need_room_for(reason: str | None) -> None:
    if reason is not None and len(reason) > MAX_REASON:
        raise DeployError(
            f"the reason has {len(reason):,} characters, at most {MAX_REASON:,} are kept",
            remedy="say it shorter, with a link to the rest",
        )
