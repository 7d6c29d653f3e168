"""GitHub's REST API, as far as tidegate uses it: in memory, on a free port of this machine.

Tests and the demo point GITHUB_API_URL at it and read afterwards what was posted. In the tests it
holds every request, and its own every answer, to GitHub's OpenAPI description.
"""

from __future__ import annotations

from local_github.artifacts import Artifacts
from local_github.issues import Issues
from local_github.labels import Labels
from local_github.settings import Settings


class LocalGitHub(Issues, Labels, Settings, Artifacts):
    """A GitHub that knows what it is told, as a context manager."""
