"""What is asked before anything is changed: the gate's word, the path, no hold, an approval."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from tidegate.config import Config
from tidegate.context import Context
from tidegate.errors import GitHubError
from tidegate.gate import record as records
from tidegate.override import in_words
from tidegate.registry import Registry, version_in_words
from tidegate.release.ledger import Event, holds, stay
from tidegate.release.release import Release


class Refused(Exception):
    """A check of the preflight says no."""


@dataclass(frozen=True)
class Preflight:
    """The checks of a move on one environment. Each says what it found, or raises Refused."""

    config: Config
    context: Context
    registry: Registry
    environment: str

    def promotion(self, release: Release, events: Sequence[Event]) -> Iterator[str]:
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

    def _gate_record(self, release: Release) -> str:
        version = self.registry.version(release.model_version)
        record = self.registry.gate_report(version)["record"]
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
        return f"gate record {release.record_digest[7:17]} says {in_words(record)}"

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

    def approval(self, release: Release, approver: str | None) -> str | None:
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
        actor = self.context.environ.get("GITHUB_ACTOR")
        on_github = self.context.environ.get("GITHUB_ACTIONS") == "true"
        if on_github and approver and approver.lower() != str(actor).lower():
            # A workflow's file is anybody's who may push: it must not say who approved.
            raise Refused(f"{actor} started this run and cannot approve as {approver}")
        who = approver or actor
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
