"""GitHub's own OpenAPI description of its API, and what in an exchange breaks it.

From npm's `@octokit/openapi` (`make node-modules`): one file for github.com, one for each version
of GitHub Enterprise Server. Where the description lets something through that is surely a mistake,
this is stricter: a parameter or property that it does not name is a fault, in both directions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from local_github.exchange import Answer, Request
from local_github.json_schema import SCHEMAS, formats, references, translated

Schema = Mapping[str, Any]

# Answers that any operation may give, whether or not the description repeats them. A server in
# trouble (5xx) answers anything.
GENERAL = {401, 403, 404, 429}


@cache
def description(name: str = "api.github.com") -> Description:
    """The one of github.com, or `ghes-3.19`: read once, when it is first needed."""
    root = Path(__file__).resolve().parents[2]
    return Description(
        root / f"build/npm/node_modules/@octokit/openapi/generated/{name}.json",
        remedy="run `make node-modules`",
    )


class Description:
    """An OpenAPI 3.0 description of GitHub's API."""

    def __init__(self, path: Path, *, remedy: str = ""):
        self.path = path
        self._remedy = remedy

    @cached_property
    def document(self) -> dict[str, Any]:
        import json

        if not self.path.exists():
            raise FileNotFoundError(f"{self.path} is not there: {self._remedy}")
        document: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        return document

    def faults(self, request: Request, answer: Answer) -> list[str]:
        """What of a request and its answer GitHub does not describe, one line each."""
        found = self._operation(request.method, request.path)
        place = f"{request.method} {request.path}"
        if found is None:
            return [f"{place}: GitHub has no such operation"]
        template, operation, values = found
        faults = [
            *self._of_parameters(template, operation, values, request),
            *(f"request body: {fault}" for fault in self._of_request_body(operation, request)),
            *(f"answer {answer.status}: {fault}" for fault in self._of_answer(operation, answer)),
        ]
        return [f"{place}: {fault}" for fault in faults]

    def describes(self, method: str, path: str) -> bool:
        return self._operation(method, path) is not None

    @cached_property
    def _templates(self) -> dict[tuple[str, int], list[str]]:
        """The templates that a method has by their length, those of few parameters first."""
        found: dict[tuple[str, int], list[str]] = {}
        for template in sorted(self.document["paths"], key=lambda template: template.count("{")):
            for method in self.document["paths"][template]:
                found.setdefault((method, template.count("/")), []).append(template)
        return found

    def _operation(self, method: str, path: str) -> tuple[str, Schema, dict[str, str]] | None:
        for length in range(path.count("/"), 0, -1):
            for template in self._templates.get((method.lower(), length), ()):
                # What is left over is of a last parameter that is a path of its own.
                values = _values(template, path)
                operation = self.document["paths"][template][method.lower()]
                if values is not None and (
                    length == path.count("/") or self._ends_in_a_path(template, operation)
                ):
                    return template, operation, values
        return None

    def _ends_in_a_path(self, template: str, operation: Schema) -> bool:
        return any(
            parameter.get("x-multi-segment") and template.endswith(f"/{{{parameter['name']}}}")
            for parameter in map(self._resolved, operation.get("parameters", ()))
        )

    def _of_parameters(
        self, template: str, operation: Schema, values: Mapping[str, str], request: Request
    ) -> Iterator[str]:
        shared = self.document["paths"][template].get("parameters", ())
        described = {
            (parameter["in"], parameter["name"]): parameter
            for parameter in map(self._resolved, (*shared, *operation.get("parameters", ())))
        }
        given = {("path", name): value for name, value in values.items()}
        given |= {("query", name): value for name, value in request.query.items()}
        for (place, name), value in given.items():
            if (place, name) not in described:
                yield f"{place} parameter {name} is not described"
                continue
            schema = described[place, name]["schema"]
            for fault in self._of_value(schema, self._typed(schema, value)):
                yield f"{place} parameter {name}: {fault}"
        for (place, name), parameter in described.items():
            if parameter.get("required") and place == "query" and (place, name) not in given:
                yield f"query parameter {name} is missing"

    def _of_request_body(self, operation: Schema, request: Request) -> Iterator[str]:
        described = operation.get("requestBody")
        if described is None:
            if request.body is not None:
                yield "the operation takes none"
            return
        described = self._resolved(described)
        if request.body is None:
            if described.get("required"):
                yield "it is missing"
            return
        content = described["content"].get("application/json")
        if content is None:
            yield "the operation takes no JSON"
        else:
            yield from self._of_value(content["schema"], request.body)

    def _of_answer(self, operation: Schema, answer: Answer) -> Iterator[str]:
        if answer.status >= 500:
            return
        described = operation["responses"].get(str(answer.status))
        if described is None:
            if answer.status not in GENERAL:
                yield "the operation has no such status"
            elif answer.body is not None:
                yield from self._of_value({"$ref": SCHEMAS + "basic-error"}, answer.body)
            return
        content = self._resolved(described).get("content", {}).get("application/json")
        if content is not None:
            yield from self._of_value(content["schema"], answer.body)
        elif answer.body is not None:
            yield "it has no JSON body"

    def _of_value(self, schema: Schema, value: Any) -> Iterator[str]:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import best_match

        validator = Draft202012Validator(
            {**translated(schema), "components": {"schemas": self._reachable(schema)}},
            format_checker=formats(),
        )
        if (error := best_match(validator.iter_errors(value))) is not None:
            yield f"{error.json_path}: {error.message[:300]}"
        yield from self._unnamed([schema], value, "$")

    def _unnamed(self, schemas: Sequence[Schema], value: Any, place: str) -> Iterator[str]:
        """Properties that none of the schemas of their object names."""
        branches = [branch for schema in schemas for branch in self._branches(schema)]
        if isinstance(value, list):
            items = [branch["items"] for branch in branches if "items" in branch]
            for number, item in enumerate(value):
                yield from self._unnamed(items, item, f"{place}[{number}]")
        if not isinstance(value, dict):
            return
        named = [branch["properties"] for branch in branches if "properties" in branch]
        free = any(branch.get("additionalProperties") for branch in branches)
        for name, part in value.items():
            inner = [properties[name] for properties in named if name in properties]
            if inner:
                yield from self._unnamed(inner, part, f"{place}.{name}")
            elif named and not free:
                yield f"{place}.{name} is not described"

    def _branches(self, schema: Schema) -> Iterator[Schema]:
        """A schema and all that it is put together from."""
        schema = self._resolved(schema)
        yield schema
        for word in ("allOf", "anyOf", "oneOf"):
            for branch in schema.get(word, ()):
                yield from self._branches(branch)

    def _typed(self, schema: Schema, text: str) -> Any:
        """The value that a word of a path or query stands for."""
        kinds = {branch.get("type") for branch in self._branches(schema)}
        if "integer" in kinds and text.isdecimal():
            return int(text)
        if "boolean" in kinds and text in {"true", "false"}:
            return text == "true"
        return text

    def _resolved(self, item: Schema) -> Schema:
        while "$ref" in item:
            found: Any = self.document
            for name in item["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            item = found
        return item

    def _reachable(self, schema: Schema) -> dict[str, Any]:
        """The components that a schema refers to, directly or not."""
        found: dict[str, Any] = {}
        wanted = set(references(schema))
        while wanted:
            name = wanted.pop()
            found[name] = self._component(name)
            wanted |= self._references_of(name) - set(found)
        return found

    @cached_property
    def _components(self) -> dict[str, Any]:
        return {}

    def _component(self, name: str) -> Any:
        if name not in self._components:
            self._components[name] = translated(self.document["components"]["schemas"][name])
        return self._components[name]

    def _references_of(self, name: str) -> set[str]:
        return set(references(self.document["components"]["schemas"][name]))


def _values(template: str, path: str) -> dict[str, str] | None:
    """The parameters of a path that begins as its template does; the last takes what is left."""
    names = template.split("/")
    values = {}
    for name, segment in zip(names, path.split("/", len(names) - 1), strict=True):
        if name.startswith("{") and name.endswith("}"):
            values[name[1:-1]] = segment
        elif name != segment:
            return None
    return values
