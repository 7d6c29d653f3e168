"""What may be said of reports that a run without secrets made: they are its own word.

Whoever wrote the pull request could change what ran there, and so what it reports. A bad report of
it is shown as it is; a good one is never a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.report.escape import plain

_ENDINGS = {
    "failure": "failed",
    "timed_out": "ran out of time",
    "cancelled": "was cancelled",
    "action_required": "waits for a maintainer's approval",
    "startup_failure": "could not start",
    "skipped": "was skipped",
    "stale": "was given up",
}
_UNDECIDED = "⚠️ Could not be decided"


@dataclass(frozen=True)
class Claim:
    """The run that the reports come from, by GitHub's word.

    conclusion: how it ended. commit: its head. changed: files of the pull request that say what
    runs. refused: why its reports were not taken, where they were not.
    """

    conclusion: str
    commit: str
    changed: Sequence[str] = ()
    refused: str | None = None

    @property
    def ending(self) -> str:
        return _ENDINGS.get(self.conclusion, f"ended as {plain(self.conclusion, 40)}")

    def headline(self, reported: str, blocked: bool) -> tuple[str, bool]:
        """(headline, whether the change is blocked) for what the reports alone would say."""
        _, _, words = reported.partition(": ")
        if self.refused is not None:
            return f"{_UNDECIDED}: {plain(self.refused, 200)}", True
        if blocked and self.conclusion == "success":
            return f"{_UNDECIDED}: the run ended well, but its reports do not: {words}", True
        if blocked:
            # Without a report that blocks, the way it ended tells more than what is missing.
            told = self.conclusion == "failure" or not reported.startswith(_UNDECIDED)
            return (reported if told else f"{_UNDECIDED}: the run {self.ending}"), True
        if self.conclusion != "success":
            return f"{_UNDECIDED}: the run {self.ending}, but its reports do not say why", True
        # Not even where it is a pass: nobody but the run itself says so.
        return f"🔎 Not verified, by the run's own word: {words}", True
