"""GitHub's attestations: proof that image and gate record of a release belong together."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidegate.errors import GitHubError

# What ml-release.yml signs about an image: the gate record of the model inside.
GATE_RECORD_TYPE = "https://github.com/tidegate/tidegate/gate-record/v1"
TIMEOUT_SECONDS = 120
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def attestation(
    image: str,
    record_digest: str,
    workflow: str,
    environ: Mapping[str, str],
    run: Run = subprocess.run,
) -> str:
    """What proves that `workflow`, run for this repository, signed the image and the gate record.

    image: reference by digest. workflow: OWNER/REPOSITORY/.github/workflows/FILE. GitHub's own
    command line checks the signature. Raises GitHubError when there is no such proof.
    """
    repository = environ.get("GITHUB_REPOSITORY")
    if not repository:
        raise GitHubError(
            "GITHUB_REPOSITORY is not set, so nobody knows whose attestation to look for",
            remedy="promote by the promote workflow, or set it to OWNER/NAME",
        )
    command = [
        *("gh", "attestation", "verify", f"oci://{image}", "--repo", repository),
        *("--signer-workflow", workflow, "--predicate-type", GATE_RECORD_TYPE),
        *("--format", "json"),
    ]
    for statement in _verified(command, environ, run):
        if statement.get("predicate", {}).get("digest") == record_digest:
            return f"attested by {workflow}"
    raise GitHubError(
        "the image is attested, but with another gate record than the release's",
        where=image,
        remedy="release again: a record and an image belong together from the build on",
    )


def _verified(
    command: Sequence[str], environ: Mapping[str, str], run: Run
) -> list[Mapping[str, Any]]:
    """The statements whose signature holds."""
    image = command[3].removeprefix("oci://")
    try:
        done = run(
            command,
            env=dict(environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitHubError(
            f"the attestation cannot be checked: {error}",
            where=image,
            remedy="install GitHub's command line `gh` on the runner, or take attested-by out of "
            "the config",
        ) from None
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise GitHubError(
            f"no valid attestation of the image: {said}",
            where=image,
            remedy="release it by ml-release.yml with attest: true; see that the job may read "
            "attestations, and is logged in to the image's registry",
        )
    try:
        return [dict(item["verificationResult"]["statement"]) for item in json.loads(done.stdout)]
    except (ValueError, KeyError, TypeError):
        raise GitHubError(
            "gh did not say what it verified",
            where=image,
            remedy="update it: 2.56 or newer is needed for --signer-workflow",
        ) from None
