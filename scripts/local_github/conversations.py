"""Pull requests and their comments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from local_github import bodies
from local_github.server import BOT, Answer, Request, Server, found, problem, route

MAX_COMMENT = 65_536


class Conversations(Server):
    """may_comment: false answers attempts to write as GitHub does for a token without that
    permission, such as that of a fork."""

    def __init__(self, *arguments: Any, may_comment: bool = True, **named: Any):
        super().__init__(*arguments, **named)
        self.may_comment = may_comment
        self._pulls: dict[tuple[str, int], dict[str, Any]] = {}
        self._changed_files: dict[tuple[str, int], list[dict[str, Any]]] = {}
        self._comments: dict[int, tuple[str, int, dict[str, Any]]] = {}

    def add_pull_request(
        self,
        repository: str,
        number: int,
        *,
        head_sha: str,
        author: str,
        head: str | None = None,
        branch: str = "change",
        base_sha: str = "ba5e" * 10,
        files: Iterable[str] = (),
    ) -> None:
        """An open pull request; head: the repository it comes from, when that is a fork."""
        with self._lock:
            self._pulls[repository, number] = bodies.pull_request(
                repository,
                number,
                self.next_id(),
                head_sha=head_sha,
                author=author,
                head=head or repository,
                branch=branch,
                base_sha=base_sha,
            )
            self._changed_files[repository, number] = [
                bodies.file(repository, path) for path in files
            ]

    def add_comment(self, repository: str, number: int, body: str, login: str) -> int:
        """A comment that somebody wrote; its id."""
        with self._lock:
            identity = self.next_id()
            comment = bodies.comment(repository, number, identity, body, login)
            self._comments[identity] = (repository, number, comment)
            return identity

    def comments(self, repository: str, number: int) -> list[dict[str, Any]]:
        """The comments of an issue or pull request, oldest first."""
        with self._lock:
            return [
                dict(comment)
                for place, issue, comment in self._comments.values()
                if (place, issue) == (repository, number)
            ]

    def has_conversation(self, repository: str, number: int) -> bool:
        return (repository, number) in self._pulls

    def delete_comment(self, comment_id: int) -> None:
        with self._lock:
            del self._comments[comment_id]

    @route("GET", "/user")
    def _get_user(self, _: Request) -> Answer:
        if self.login == BOT:
            return problem(403, "Resource not accessible by integration")
        return Answer(200, bodies.account(self.login))

    @route("GET", "/repos/{repository}/pulls/{number}")
    def _get_pull(self, _: Request, repository: str, number: str) -> Answer:
        return found(self._pulls.get((repository, int(number))))

    @route("GET", "/repos/{repository}/pulls")
    def _list_pulls(self, request: Request, repository: str) -> Answer:
        state, head = request.query.get("state", "open"), request.query.get("head")
        pulls = [
            bodies.listed(pull)
            for (place, _), pull in self._pulls.items()
            if place == repository
            and state in {"all", pull["state"]}
            and head in {None, pull["head"]["label"]}
        ]
        return self.page(pulls, request)

    @route("GET", "/repos/{repository}/pulls/{number}/files")
    def _list_files(self, request: Request, repository: str, number: str) -> Answer:
        if (repository, int(number)) not in self._pulls:
            return problem(404, "Not Found")
        return self.page(self._changed_files[repository, int(number)], request)

    @route("GET", "/repos/{repository}/issues/{number}/comments")
    def _list_comments(self, request: Request, repository: str, number: str) -> Answer:
        if not self.has_conversation(repository, int(number)):
            return problem(404, "Not Found")
        return self.page(self.comments(repository, int(number)), request)

    @route("POST", "/repos/{repository}/issues/{number}/comments")
    def _create_comment(self, request: Request, repository: str, number: str) -> Answer:
        if not self.has_conversation(repository, int(number)):
            return problem(404, "Not Found")
        if refusal := self._refusal(request):
            return refusal
        identity = self.add_comment(repository, int(number), request.body["body"], self.login)
        return Answer(201, self._comments[identity][2])

    @route("PATCH", "/repos/{repository}/issues/comments/{identity}")
    def _update_comment(self, request: Request, repository: str, identity: str) -> Answer:
        place, _, comment = self._comments.get(int(identity), (None, None, None))
        if comment is None or place != repository:
            return problem(404, "Not Found")
        if refusal := self._refusal(request):
            return refusal
        comment |= {"body": request.body["body"], "updated_at": bodies.now()}
        return Answer(200, comment)

    @route("DELETE", "/repos/{repository}/issues/comments/{identity}")
    def _delete_comment(self, _: Request, repository: str, identity: str) -> Answer:
        if not self.may_comment:
            return problem(403, "Resource not accessible by integration")
        if self._comments.get(int(identity), (None,))[0] != repository:
            return problem(404, "Not Found")
        self.delete_comment(int(identity))
        return Answer(204)

    def _refusal(self, request: Request) -> Answer | None:
        if not self.may_comment:
            return problem(403, "Resource not accessible by integration")
        body = request.body["body"]
        if not body:
            return problem(422, "Validation Failed: body can't be blank")
        if len(body) > MAX_COMMENT:
            return problem(422, f"Validation Failed: body is too long (maximum is {MAX_COMMENT})")
        return None
