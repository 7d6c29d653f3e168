"""GitHub's objects of a repository's settings, complete: teams, rules, files."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any

from local_github.bodies import API, WEB, node_id, now, repository


def full_repository(name: str, *, private: bool = False) -> dict[str, Any]:
    """What is shown of a repository that is asked for itself."""
    return {
        **repository(name),
        "private": private,
        "visibility": "private" if private else "public",
        "has_discussions": False,
        "network_count": 0,
        "subscribers_count": 0,
    }


def team(organization: str, slug: str) -> dict[str, Any]:
    number = zlib.crc32(f"{organization}/{slug}".encode())
    owner = zlib.crc32(organization.encode())
    here = f"{API}/organizations/{owner}/team/{number}"
    company = f"{API}/orgs/{organization}"
    counts = ("public_repos", "public_gists", "followers", "following")
    lists = ("repos", "events", "hooks", "issues")
    return {
        "id": number,
        "node_id": node_id("Team", number),
        "name": slug,
        "slug": slug,
        "description": None,
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": "pull",
        "url": here,
        "html_url": f"{WEB}/orgs/{organization}/teams/{slug}",
        "members_url": f"{here}/members{{/member}}",
        "repositories_url": f"{here}/repos",
        "type": "organization",
        "members_count": 2,
        "repos_count": 1,
        "created_at": now(),
        "updated_at": now(),
        "organization": {
            "login": organization,
            "id": owner,
            "node_id": node_id("Organization", owner),
            "url": company,
            **{f"{part}_url": f"{company}/{part}" for part in lists},
            "members_url": f"{company}/members{{/member}}",
            "public_members_url": f"{company}/public_members{{/member}}",
            "avatar_url": f"https://avatars.githubusercontent.com/u/{owner}?v=4",
            "description": None,
            "has_organization_projects": True,
            "has_repository_projects": True,
            **dict.fromkeys(counts, 0),
            "html_url": f"{WEB}/{organization}",
            "type": "Organization",
            "archived_at": None,
            "created_at": now(),
            "updated_at": now(),
        },
    }


def short_team(whole: dict[str, Any]) -> dict[str, Any]:
    """A team as lists mention it."""
    own = {"members_count", "repos_count", "created_at", "updated_at", "organization"}
    return {**{name: part for name, part in whole.items() if name not in own}, "parent": None}


def ruleset(name: str, identity: int, body: dict[str, Any]) -> dict[str, Any]:
    """A ruleset as it was asked for, with what GitHub adds."""
    return {
        "bypass_actors": [],
        **body,
        "id": identity,
        "node_id": node_id("RepositoryRuleset", identity),
        "source_type": "Repository",
        "source": name,
        "current_user_can_bypass": "never",
        "created_at": now(),
        "updated_at": now(),
    }


def protection(name: str, branch: str, **rules: Any) -> dict[str, Any]:
    """The older kind of rule, with what it has by default."""
    switches = (
        *("required_linear_history", "allow_force_pushes", "allow_deletions", "block_creations"),
        *("required_conversation_resolution", "lock_branch", "allow_fork_syncing"),
    )
    here = f"{API}/repos/{name}/branches/{branch}/protection"
    return {
        "url": here,
        "enforce_admins": {"url": f"{here}/enforce_admins", "enabled": False},
        **{switch: {"enabled": False} for switch in switches},
        **rules,
    }


def file(name: str, path: str, text: str) -> dict[str, Any]:
    sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    here = f"{API}/repos/{name}/contents/{path}?ref=main"
    blob = f"{API}/repos/{name}/git/blobs/{sha}"
    page = f"{WEB}/{name}/blob/main/{path}"
    return {
        "type": "file",
        "encoding": "base64",
        "size": len(text.encode()),
        "name": path.split("/")[-1],
        "path": path,
        "content": base64.encodebytes(text.encode()).decode(),
        "sha": sha,
        "url": here,
        "git_url": blob,
        "html_url": page,
        "download_url": f"https://raw.githubusercontent.com/{name}/main/{path}",
        "_links": {"self": here, "git": blob, "html": page},
    }
