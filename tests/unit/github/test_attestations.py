"""What `gh attestation verify` says, and what follows from it.

`gh` is a script that answers as GitHub's manual describes: JSON of what was verified and exit code
0, or a line on standard error and another code.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tidegate.errors import GitHubError
from tidegate.github.attestations import GATE_RECORD_TYPE, attestation

IMAGE = "ghcr.io/acme/fraud@sha256:" + "ab" * 32
RECORD = "sha256:" + "be" * 32
WORKFLOW = "tidegate/tidegate/.github/workflows/ml-release.yml"


def verified(*predicates: dict[str, Any]) -> str:
    """As gh prints it: the bundle, and what was read in it."""
    subject = [{"name": "ghcr.io/acme/fraud", "digest": {"sha256": "ab" * 32}}]
    return json.dumps(
        [
            {
                "attestation": {"bundle": {"mediaType": "application/vnd.dev.sigstore.bundle"}},
                "verificationResult": {
                    "mediaType": "application/vnd.dev.sigstore.verificationresult+json",
                    "signature": {"certificate": {"issuer": "CN=sigstore-intermediate"}},
                    "verifiedTimestamps": [{"type": "Tlog"}],
                    "statement": {
                        "_type": "https://in-toto.io/Statement/v1",
                        "subject": subject,
                        "predicateType": GATE_RECORD_TYPE,
                        "predicate": predicate,
                    },
                },
            }
            for predicate in predicates
        ]
    )


def environ(folder: Path, *, says: str = "", warns: str = "", code: int = 0) -> dict[str, str]:
    """A world in which gh answers so; what it was asked is in `asked`."""
    (folder / "says").write_text(says)
    (folder / "warns").write_text(warns)
    gh = folder / "gh"
    gh.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {folder}/asked\n'
        f"cat {folder}/says\ncat {folder}/warns >&2\nexit {code}\n"
    )
    gh.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "GITHUB_REPOSITORY": "acme/fraud"}


def test_attestation__of_this_record_is_proof_and_asks_for_exactly_that(tmp_path: Path) -> None:
    world = environ(tmp_path, says=verified({"digest": "sha256:other"}, {"digest": RECORD}))
    assert attestation(IMAGE, RECORD, WORKFLOW, world) == f"attested by {WORKFLOW}"
    assert (tmp_path / "asked").read_text().split() == [
        *("attestation", "verify", f"oci://{IMAGE}", "--repo", "acme/fraud"),
        *("--signer-workflow", WORKFLOW, "--predicate-type", GATE_RECORD_TYPE),
        *("--format", "json"),
    ]


@pytest.mark.parametrize(
    ("world", "said"),
    [
        ({"says": verified({"digest": "sha256:other"})}, "with another gate record"),
        ({"says": verified({})}, "with another gate record"),
        ({"says": "[]"}, "with another gate record"),
        ({"says": ""}, "did not say what it verified"),
        ({"says": '{"digest": 1}'}, "did not say what it verified"),
        ({"says": '[{"verificationResult": null}]'}, "did not say what it verified"),
        (
            {"warns": "Loaded digest\nError: no attestations found\n", "code": 1},
            "no valid attestation of the image: Error: no attestations found",
        ),
        # Whatever it prints: the exit code is what decides.
        ({"says": verified({"digest": RECORD}), "code": 1}, "it said nothing"),
        ({"warns": "To get started with GitHub CLI, run: gh auth login", "code": 4}, "auth login"),
    ],
)
def test_attestation__anything_else_is_no_proof(
    tmp_path: Path, world: dict[str, Any], said: str
) -> None:
    with pytest.raises(GitHubError, match=said) as caught:
        attestation(IMAGE, RECORD, WORKFLOW, environ(tmp_path, **world))
    assert caught.value.where == IMAGE
    assert caught.value.remedy


def test_attestation__without_gh_or_a_repository_is_no_proof(tmp_path: Path) -> None:
    def missing(*_: Any, **__: Any) -> subprocess.CompletedProcess[str]:
        raise FileNotFoundError(2, "No such file or directory", "gh")

    def hangs(*_: Any, **__: Any) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired("gh", 120)

    for run in (missing, hangs):
        with pytest.raises(GitHubError, match="cannot be checked"):
            attestation(IMAGE, RECORD, WORKFLOW, {"GITHUB_REPOSITORY": "acme/fraud"}, run)
    with pytest.raises(GitHubError, match="GITHUB_REPOSITORY is not set"):
        attestation(IMAGE, RECORD, WORKFLOW, {})
