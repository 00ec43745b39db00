"""The description of the API, from its endpoints and the frozen answers."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from dbproc.service.answers import KINDS, problems
from dbproc.service.schemas import Schema, schemas_of

_PROBLEM: Schema = {
    "type": "object",
    "description": "What went wrong, as RFC 9457 has it.",
    "properties": {
        "type": {"type": "string", "description": "`about:blank`: the status says what kind it is"},
        "title": {"type": "string", "description": "the words of the status"},
        "status": {"type": "integer", "description": "that of the answer"},
        "detail": {"type": "string", "description": "what is wrong, where, and what to do next"},
    },
    "required": ["type", "title", "status", "detail"],
}
_TOKEN: Schema = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token of `dbproc token create`, or of the issuer that the mission names.",
}
_OPEN_TO_ALL = frozenset({"/livez", "/readyz", "/metrics"})
_OF_FRAMEWORK = ("HTTPValidationError", "ValidationError")
_WORDS = "What is served of a mission. The answers are those that commands print with `--json`."


def install(app: FastAPI) -> None:
    """Have the application described so."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _described(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=_WORDS, routes=app.routes)
    parts = found.setdefault("components", {})
    parts.setdefault("schemas", {}).update({"Problem": _PROBLEM, **schemas_of(KINDS)})
    parts.setdefault("securitySchemes", {})["token"] = _TOKEN
    for path, operations in found["paths"].items():
        for operation in operations.values():
            _put_right(operation["responses"])
            if path not in _OPEN_TO_ALL:
                operation.setdefault("security", [{"token": []}])
    for name in _OF_FRAMEWORK:
        parts["schemas"].pop(name, None)
    return found


def _put_right(answers: dict[str, Any]) -> None:
    """What is not well formed is told as every problem is, not as the framework would."""
    told = answers.get("422", {}).get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    if told.rpartition("/")[2] in _OF_FRAMEWORK:
        answers |= {str(status): said for status, said in problems(422).items()}
