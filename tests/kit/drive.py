"""A stand-in for Google Drive v3 and its token endpoint, as far as places need them: no other is to be had."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.kit.stub import Stub, running

FOLDER = "application/vnd.google-apps.folder"
SHORTCUT = "application/vnd.google-apps.shortcut"
ACCOUNT = "tests@dbproc.iam.gserviceaccount.com"


@cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def key_file(endpoint: str, key: rsa.RSAPrivateKey | None = None) -> str:
    """The JSON of a service account."""
    text = (key or private_key()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    named = {"client_email": ACCOUNT, "private_key": text.decode(), "private_key_id": "1"}
    return json.dumps({"type": "service_account", "token_uri": f"{endpoint}/token", **named})


@dataclass
class Drive:
    """What is in Drive: files by their ids, and answers that are given once instead of the right ones."""

    endpoint: str = ""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    instead: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)  # status, reason, headers
    asked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    granted: int = 0
    page: int = 1000
    ignores_ranges: bool = False

    def put(self, name: str, parent: str, content: bytes | None = None, **more: Any) -> str:
        """Put a file, or a folder where it has no content; its id."""
        number = more.pop("id", f"id{len(self.files)}")
        file = {"id": number, "name": name, "parents": [parent], "mimeType": FOLDER, "version": "1"}
        file["modifiedTime"] = f"2026-01-02T03:04:{len(self.files):02}.123Z"
        if content is not None:
            self.contents[number] = content
            file |= {"mimeType": "application/octet-stream", "size": str(len(content))}
            file |= {"md5Checksum": hashlib.md5(content).hexdigest(), "headRevisionId": f"r{len(self.files)}"}
            file |= {"sha256Checksum": hashlib.sha256(content).hexdigest()}
        self.files[number] = file | more
        return number

    def link(self, name: str, parent: str, target: str) -> str:
        """Put a shortcut."""
        return self.put(name, parent, mimeType=SHORTCUT, shortcutDetails={"targetId": target})

    def listed(self, query: str, start: int) -> dict[str, Any]:
        """A page of what a query finds."""
        found = re.fullmatch(r"'(.+?)' in parents and trashed = false(?: and name = '(.+)')?", query)
        assert found, query
        name = re.sub(r"\\(.)", r"\1", found[2]) if found[2] else None
        files = [
            file
            for file in sorted(self.files.values(), key=lambda each: each["modifiedTime"], reverse=True)
            if found[1] in file["parents"] and name in (None, file["name"])
        ]
        more = {"nextPageToken": str(start + self.page)} if start + self.page < len(files) else {}
        return {"files": files[start : start + self.page], **more}


@contextmanager
def running_drive() -> Iterator[Drive]:
    """A Drive that is empty."""
    drive = Drive()

    class Handler(Stub):
        def answer(self) -> None:
            (self.grant if self.command == "POST" else self.get)()

        def grant(self) -> None:
            form = parse_qs(self.received().decode())
            try:
                jwt.decode(
                    form["assertion"][0], private_key().public_key(), ["RS256"], audience=f"{drive.endpoint}/token"
                )
            except jwt.PyJWTError:
                self.say(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
                return
            drive.granted += 1
            drive.tokens.add(f"token{drive.granted}")
            self.say(200, {"access_token": f"token{drive.granted}", "expires_in": 3600})

        def get(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            drive.asked.append(self.path)
            if self.headers["Authorization"].removeprefix("Bearer ") not in drive.tokens:
                self.refuse(401, "authError")
            elif drive.instead:
                self.refuse(*drive.instead.pop(0))
            elif parts.path == "/files":
                self.say(200, drive.listed(query["q"], int(query.get("pageToken", 0))))
            else:
                self.file(parts.path.removeprefix("/files/"), query)

        def file(self, number: str, query: dict[str, str]) -> None:
            if number not in drive.files:
                self.refuse(404, "notFound")
            elif query.get("alt") == "media":
                self.content(drive.contents[number])
            else:
                self.say(200, drive.files[number])

        def content(self, content: bytes) -> None:
            if drive.ignores_ranges:
                self.send(200, content)
            else:
                self.send_range(content)

        def refuse(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
            error = {"code": status, "message": f"Drive says {reason}.", "errors": [{"reason": reason}]}
            self.say(status, {"error": error}, headers)

        def say(self, status: int, answer: Any, headers: dict[str, str] | None = None) -> None:
            self.send(status, json.dumps(answer).encode(), headers)

    with running(Handler) as drive.endpoint:
        yield drive
