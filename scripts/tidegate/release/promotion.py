"""Promotion, roll-back and hold: preflight, deploy, verify, then the alias and the ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tidegate.config import Config
from tidegate.context import Context
from tidegate.errors import DeployError, GitHubError, TidegateError
from tidegate.gate import record as records
from tidegate.registry import (
    EXAMPLES_ARTIFACT,
    GATE_REPORT_ARTIFACT,
    ModelVersion,
    Registry,
    version_in_words,
)
from tidegate.release.deployers import Deployer, deployer_for
from tidegate.release.lease import Lease, Leased
from tidegate.release.ledger import (
    Event,
    Ledger,
    holds,
    last_release,
    moves,
    stay,
    time_after,
)
from tidegate.release.release import Release
from tidegate.release.serving import Example, connect, read_examples
from tidegate.verdict import Verdict

MAX_REASON = 2_000  # characters: MLflow takes some thousands in a tag


@dataclass(frozen=True)
class Step:
    """One step, how it went and how long it took."""

    name: str
    verdict: Verdict
    seconds: float
    detail: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "verdict": str(self.verdict),
            "seconds": round(self.seconds, 3),
            "detail": self.detail,
        }


@dataclass
class MoveReport:
    """What a promotion, roll-back or hold did. before, after: ids of releases."""

    service: str
    environment: str
    before: str | None
    after: str | None
    steps: list[Step] = field(default_factory=list)
    event: Event | None = None

    @property
    def verdict(self) -> Verdict:
        failed = any(step.verdict is not Verdict.PASS for step in self.steps)
        return Verdict.FAIL if failed else Verdict.PASS

    @property
    def blocked(self) -> bool:
        return self.verdict is Verdict.FAIL

    def to_dict(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "environment": self.environment,
            "before": self.before,
            "after": self.after,
            "steps": [step.to_dict() for step in self.steps],
            "event": None if self.event is None else self.event.to_dict(),
        }


@dataclass(frozen=True)
class _Move:
    """What was asked for. kind: promotion or rollback."""

    kind: str
    approver: str | None
    reason: str | None


class Refused(Exception):
    """A check of the preflight says no."""


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
            self._may_promote,
        )

    def rollback(self, to: str | None, approver: str | None, reason: str) -> MoveReport:
        """Put the environment back to an earlier release; it skips the gate, never the approval.

        to: id of a release that ran there; None is the one that ran before the present one.
        """
        return self._alone(
            _Move("rollback", approver, reason),
            lambda events: self._earlier(events, to),
            self._no_more_checks,
        )

    def hold(self, *, release: bool, reason: str | None) -> MoveReport:
        """Keep the environment from promotions, or let it take them again."""
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
        checks: Callable[[Release, Sequence[Event]], Iterator[str]],
    ) -> MoveReport:
        """Make a move while nobody else makes one; what stands in the ledger is read only then."""
        if move.reason is not None and len(move.reason) > MAX_REASON:
            raise DeployError(
                f"the reason has {len(move.reason):,} characters, at most {MAX_REASON:,} are kept",
                remedy="say it shorter, with a link to the rest",
            )
        started = time.monotonic()
        holder = {
            "kind": move.kind,
            "actor": self.context.actor(self.config.root),
            "run_url": self.context.run_url(),
        }
        try:
            with self.ledger.lease(self.environment, self.context.timestamp(), holder) as lease:
                events = self.ledger.events()
                return self._move(move, choose(events), events, checks, lease, started)
        except Leased as refusal:
            now = last_release(self.ledger.events(), self.environment)
            step = Step("preflight", Verdict.FAIL, time.monotonic() - started, str(refusal))
            return MoveReport(self.config.service, self.environment, now, now, [step])

    def _earlier(self, events: Sequence[Event], to: str | None) -> Release:
        there = moves(events, self.environment)
        taken = [event.release for event in there]
        held = holds(events, self.environment)
        if to is None and there and there[-1].kind == "rollback" and held is not None:
            to = taken[-1]  # asked again: it went back already, and must not go back further
        elif to is None:
            earlier = taken[: taken.index(taken[-1])] if taken else []
            if not earlier:
                raise DeployError(
                    f"{self.environment} has run no earlier release to go back to",
                    remedy="`tidegate status` shows what it ran; --to names one of them",
                )
            to = earlier[-1]
        elif to not in taken:
            raise DeployError(
                f"{self.environment} never ran {to!r}",
                remedy=f"it ran: {', '.join(dict.fromkeys(str(r) for r in taken)) or 'nothing'}",
            )
        return self.ledger.release(str(to))

    def _move(
        self,
        move: _Move,
        release: Release,
        events: Sequence[Event],
        checks: Callable[[Release, Sequence[Event]], Iterator[str]],
        lease: Lease,
        started: float,
    ) -> MoveReport:
        before = last_release(events, self.environment)
        report = MoveReport(self.config.service, self.environment, before, before)
        approved_by: list[str] = []

        def preflight() -> str:
            said = list(checks(release, events))
            who = self._approval(release, move.approver)
            if who is not None:
                approved_by.append(who)
                said.append(f"approved by {who}")
            return "; ".join(said) or "nothing stands against it"

        if not _run(report, "preflight", preflight, Refused):
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
            good = _run(
                report, "deploy", lambda: deployer.deploy(release, verify), Unverified
            ) and _run(report, "verify", verified, Unverified)
            if good:
                _run(report, "record", record, Refused)
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

    def _may_promote(self, release: Release, events: Sequence[Event]) -> Iterator[str]:
        """What a promotion asks beyond a roll-back: the gate's word, the path, no hold."""
        yield self._gate_record(release)
        yield from self._attested(release)
        held = holds(events, self.environment)
        if held is not None:
            raise Refused(
                f"{self.environment} is on hold since {held.at} ({held.in_words}); "
                f"`tidegate hold --release --environment {self.environment}` lets it go"
            )
        previous = self.config.need_environment(self.environment).after
        if previous is not None:
            yield self._soaked(release, events, previous)

    def _no_more_checks(self, release: Release, events: Sequence[Event]) -> Iterator[str]:  # noqa: ARG002
        yield from ()

    def _gate_record(self, release: Release) -> str:
        version = self.registry.version(release.model_version)
        with TemporaryDirectory() as folder:
            path = self.registry.download(version, GATE_REPORT_ARTIFACT, Path(folder))
            record = json.loads(path.read_text(encoding="utf-8"))["record"]
        if not records.is_intact(record) or record["digest"] != release.record_digest:
            raise Refused("the gate record is not the one that the release was made with")
        if record["blocked"]:
            raise Refused(f"the gate did not let it through: {record['verdict']}")
        if self.config.is_last(self.environment):
            judged_against = (record["baseline"] or {}).get("version")
            champion = self.registry.champion()
            now = None if champion is None else champion.version
            if now not in {judged_against, release.model_version}:
                raise Refused(
                    f"the gate compared with {version_in_words(judged_against)}, and the champion "
                    f"is now {version_in_words(now)}: judge it again by a new release"
                )
        return f"gate record {release.record_digest[7:17]} says {record['verdict']}"

    def _attested(self, release: Release) -> Iterator[str]:
        """What proves that image and gate record belong together, where the config asks for it."""
        if self.config.image is None or self.config.image.attested_by is None:
            return
        from tidegate.github.attestations import attestation

        if release.image is None or release.image.digest is None:
            raise Refused(f"{release.id} has no pushed image, so nobody can have attested it")
        try:
            yield attestation(
                release.image.reference,
                release.record_digest,
                self.config.image.attested_by,
                self.context.environ,
            )
        except GitHubError as error:
            raise Refused(str(error)) from None

    def _soaked(self, release: Release, events: Sequence[Event], previous: str) -> str:
        there = stay(events, previous)
        if there is None or there.event.release != release.id:
            runs = there.event.release if there else "nothing"
            raise Refused(f"{previous} must hold {release.id} first; it runs {runs}")
        since = there.since
        minutes = (self.context.now() - datetime.fromisoformat(since)).total_seconds() / 60
        asked = self.config.need_environment(self.environment).soak_minutes
        if minutes < asked:
            raise Refused(
                f"{previous} has held it for {minutes:.0f} minutes, {asked:g} are asked for"
            )
        return f"{previous} holds it since {since}"

    def _approval(self, release: Release, approver: str | None) -> str | None:
        """Who approved; None where nobody has to."""
        environment = self.config.need_environment(self.environment)
        if environment.approval == "none":
            return None
        if environment.approval == "environment":
            from tidegate.github.environments import approval

            try:
                return approval(self.environment, self.context.environ)
            except GitHubError as error:
                raise Refused(str(error)) from None
        who = approver or self.context.environ.get("GITHUB_ACTOR")
        # GitHub's logins are the same in any case, so Ada is not another person than ada.
        author = release.author.lower()
        others = [login for login in environment.approvers if login.lower() != author]
        may = f"{' or '.join(others) or 'nobody of the approvers'} may"
        if not who:
            raise Refused(f"nobody approved it; {may} (--approver)")
        if who.lower() == author:
            raise Refused(f"{who} made this change and cannot approve it; {may}")
        if who.lower() not in {login.lower() for login in others}:
            raise Refused(f"{who} may not approve for {self.environment}; {may}")
        return who

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

        _run(report, "put back", put_back, TidegateError)

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


def _run(
    report: MoveReport,
    name: str,
    act: Callable[[], str],
    expected: type[Exception],
) -> bool:
    """Do one step and write it into the report; whether it went well."""
    started = time.monotonic()
    try:
        verdict, detail = Verdict.PASS, act()
    except expected as error:
        verdict, detail = Verdict.FAIL, str(error)
    report.steps.append(Step(name, verdict, time.monotonic() - started, detail))
    return verdict is Verdict.PASS
