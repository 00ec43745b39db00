"""Places in Google Drive: folders that are shared with a service account, and are read only.

Drive's names are not those of a file system. Of several files of one name in a folder the one that was modified last
counts; a name with a slash is no path, and is left out; a shortcut is followed once, and is left out where it leads
back to a folder above it. A document of Google's own has no bytes: it is listed without a size, and cannot be read.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import quote, unquote, urlencode, urlsplit

import jwt
from urllib3.response import BaseHTTPResponse

from dbproc.core.errors import GoneError, PermanentError, TemporaryError
from dbproc.core.places import PlaceSpec
from dbproc.core.redaction import remember
from dbproc.storage.stores import rest
from dbproc.storage.stores.base import Entry, refuse_leading_out
from dbproc.storage.stores.credentials import value

_ENDPOINT = "https://www.googleapis.com/drive/v3"
_SCOPE = "https://www.googleapis.com/auth/drive.readonly"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_FIELDS = "id,name,mimeType,size,md5Checksum,sha256Checksum,headRevisionId,version,modifiedTime,shortcutDetails"
_GOOGLES = "application/vnd.google-apps."
_FOLDER = f"{_GOOGLES}folder"
_SHORTCUT = f"{_GOOGLES}shortcut"
_RATES = {"userRateLimitExceeded", "rateLimitExceeded", "backendError", "internalError"}
_QUOTAS = {"downloadQuotaExceeded", "dailyLimitExceeded", "quotaExceeded", "sharingRateLimitExceeded"}
_QUOTA_SECONDS = 3600.0  # quotas are of a day; when it ends is not told
_EARLY_SECONDS = 60
_READ_ONLY = "is Google Drive, which is read only here; name another store for what is to be put"


def place(spec: PlaceSpec) -> DrivePlace:
    """The folder of a ``gdrive:`` URL, for the service account of the key."""
    return DrivePlace(spec)


@dataclass(frozen=True, slots=True)
class _Found:
    """A file, or a folder, of Drive."""

    id: str
    entry: Entry
    kind: str


class DrivePlace:
    """A folder of Google Drive."""

    def __init__(self, spec: PlaceSpec) -> None:
        parts = urlsplit(spec.url)
        self.url = spec.url
        self._top = parts.netloc
        self._prefix = unquote(parts.path).strip("/")
        self._api = rest.Service(spec, spec.endpoint or _ENDPOINT)
        self._account = _Account(spec)
        self._folders: dict[str, tuple[str, ...]] = {"": (self._top,)}
        self.host = self._api.host

    def entries(self, directory: str = "") -> Iterator[Entry]:
        """The files and directories in a directory, those that were modified last first."""
        refuse_leading_out(directory)
        directory = directory.rstrip("/")
        above = self._folder(self._whole(directory))
        seen: set[str] = set()
        for found in self._children(above, "", directory):
            if found.entry.path not in seen:
                seen.add(found.entry.path)
                yield found.entry

    def look(self, path: str) -> Entry:
        """One file as it is now."""
        return self._find(path).entry

    def read(self, path: str, offset: int = 0, known: Entry | None = None) -> rest.Body:
        """Read a file from a byte on; from its beginning where it is not the one that is known."""
        found = self._find(path)
        if found.kind.startswith(_GOOGLES):
            raise PermanentError(f"{self.url}: {path} is a document of Google's own ({found.kind}) and has no bytes")
        goes_on = known is not None and known.is_provably(found.entry)
        wanted, skip = rest.range_of(offset if goes_on else 0, known)
        response = self._open(f"/files/{quote(found.id, safe='')}", {"alt": "media"}, wanted)
        if wanted and known is not None and rest.goes_on(response, offset - skip, known):
            return rest.Body(self.host, response, found.entry, offset, skip)
        if response.status == 200:
            return rest.Body(self.host, response, found.entry)
        if wanted and response.status in (206, 416):
            response.close()
            return self.read(path)
        self._refuse(path, self._api.whole(response))

    def upload(self, path: str, name: str, offset: int = 0, token: str = "", size: int | None = None) -> NoReturn:
        """Nothing is put into Drive."""
        raise PermanentError(f"{self.url} {_READ_ONLY}")

    def remove(self, path: str) -> None:
        """Nothing is removed from Drive."""
        raise PermanentError(f"{self.url} {_READ_ONLY}")

    def free(self) -> int | None:
        """Nothing is put into Drive."""
        return None

    def close(self) -> None:
        """End every connection."""
        self._api.close()
        self._account.close()

    def _whole(self, path: str) -> str:
        return "/".join(part for part in (self._prefix, path) if part)

    def _find(self, path: str) -> _Found:
        """The file of a path."""
        refuse_leading_out(path)
        whole = self._whole(path)
        directory, _, name = whole.rpartition("/")
        for found in self._children(self._folder(directory), name, path.rpartition("/")[0]):
            if not found.entry.is_directory:
                return found
        raise GoneError(f"{self.url}: there is no {path}")

    def _folder(self, whole: str) -> tuple[str, ...]:
        """The ids of the folders on the way to a directory, its own last."""
        if whole not in self._folders:
            above, _, name = whole.rpartition("/")
            chain = self._folder(above)
            found = next((each for each in self._children(chain, name, above) if each.entry.is_directory), None)
            if found is None:
                raise GoneError(f"{self.url}: there is no directory {whole}")
            self._folders[whole] = (*chain, found.id)
        return self._folders[whole]

    def _children(self, chain: tuple[str, ...], name: str, directory: str) -> Iterator[_Found]:
        """What is in a folder, all or of one name, the last modified first."""
        wanted = f"{_text(chain[-1])} in parents and trashed = false" + (f" and name = {_text(name)}" if name else "")
        query = {
            "q": wanted,
            "fields": f"nextPageToken,files({_FIELDS})",
            "orderBy": "modifiedTime desc",
            "pageSize": "1000",
            "includeItemsFromAllDrives": "true",
        }
        while True:
            page = self._ask("/files", query, directory)
            for file in page.get("files", ()):
                found = self._followed(file, chain, directory)
                if found is not None:
                    yield found
            if not page.get("nextPageToken"):
                return
            query["pageToken"] = page["nextPageToken"]

    def _followed(self, file: Mapping[str, Any], chain: tuple[str, ...], directory: str) -> _Found | None:
        """What an item of a folder is, behind a shortcut as well; None for what is no path, or leads nowhere."""
        path = f"{directory}/{file['name']}" if directory else file["name"]
        if "/" in file["name"] or not _is_path(path):
            return None
        if file["mimeType"] != _SHORTCUT:
            return _found(path, file)
        target = file.get("shortcutDetails", {}).get("targetId", "")
        if target in chain:
            return None
        try:
            behind = self._ask(f"/files/{quote(target, safe='')}", {"fields": _FIELDS}, path)
        except GoneError:
            return None
        return None if behind["mimeType"] == _SHORTCUT else _found(path, behind)

    def _ask(self, target: str, query: Mapping[str, str], path: str) -> dict[str, Any]:
        answer = self._api.whole(self._open(target, query))
        if answer.status != 200:
            self._refuse(path, answer)
        return _json(self.host, answer)

    def _open(
        self, target: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> BaseHTTPResponse:
        """Ask; with a new token where the old one is not taken any more."""
        whole = f"{target}?{urlencode({**query, 'supportsAllDrives': 'true'}, quote_via=quote)}"
        sent = {"Authorization": f"Bearer {self._account.token()}", **(headers or {})}
        response = self._api.open("GET", whole, sent)
        if response.status == 401:
            self._api.whole(response)
            self._account.forget()
            response = self._api.open("GET", whole, {**sent, "Authorization": f"Bearer {self._account.token()}"})
        return response

    def _refuse(self, path: str, answer: rest.Answer) -> NoReturn:
        """Raise what is wrong: Drive says 403 for what passes as well as for what does not."""
        reason, words = _reason(answer)
        text = f"{self.url}: {path}: {words} ({reason})" if path else f"{self.url}: {words} ({reason})"
        if reason in _RATES:
            raise TemporaryError(text, retry_after=rest.retry_after(answer.headers), is_of_place=True)
        if reason in _QUOTAS:
            raise TemporaryError(text, retry_after=rest.retry_after(answer.headers) or _QUOTA_SECONDS)
        raise rest.fault(f"{self.url}: {path}" if path else self.url, answer.status, words, answer.headers)


class _Account:
    """A service account, and the token that it has for a while."""

    def __init__(self, spec: PlaceSpec) -> None:
        self._name = spec.name
        self._key = _account_key(spec)
        self._service = rest.Service(spec, self._key["token_uri"])
        self._token = ""
        self._until = 0.0

    def token(self) -> str:
        """A token that is taken for a while yet."""
        if time.monotonic() >= self._until:
            self._grant()
        return self._token

    def forget(self) -> None:
        """The token is not taken any more."""
        self._until = 0.0

    def close(self) -> None:
        """End every connection."""
        self._service.close()

    def _grant(self) -> None:
        form = urlencode({"grant_type": _GRANT, "assertion": self._assertion()}).encode()
        answer = self._service.ask("POST", "", {"Content-Type": "application/x-www-form-urlencoded"}, form)
        if answer.status != 200:
            said = _json(self._service.host, answer) if answer.data.startswith(b"{") else {}
            words = f"{said.get('error', '')} {said.get('error_description', '')}"
            rest.refuse(f"{self._name}: the service account gets no token of {self._service.host}", answer, words)
        given = _json(self._service.host, answer)
        self._token = remember(str(given.get("access_token", "")))
        self._until = time.monotonic() + float(given.get("expires_in", 0)) - _EARLY_SECONDS

    def _assertion(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self._key["client_email"],
            "scope": _SCOPE,
            "aud": self._key["token_uri"],
            "iat": now,
            "exp": now + 3600,
        }
        try:
            return jwt.encode(claims, self._key["private_key"], "RS256", {"kid": self._key.get("private_key_id", "")})
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise PermanentError(
                f"{self._name}: the private key of the service account cannot be used: {type(error).__name__}"
            ) from None


def _account_key(spec: PlaceSpec) -> dict[str, str]:
    """The key file of a service account; what is wrong with it is told without a word of it."""
    if not spec.service_account:
        raise PermanentError(f"{spec.name}: Google Drive needs a service account: service_account = 'file:KEY.json'")
    try:
        key = json.loads(value(spec.service_account))
    except ValueError:
        key = None
    wanted = ("client_email", "private_key", "token_uri")
    if not isinstance(key, dict) or any(not isinstance(key.get(name), str) for name in wanted):
        raise PermanentError(
            f"{spec.name}: {spec.service_account} is no key of a service account: JSON with {', '.join(wanted)}"
        )
    return key


def _text(text: str) -> str:
    """A text in a query of Drive."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _found(path: str, file: Mapping[str, Any]) -> _Found:
    digests = (("sha256", file.get("sha256Checksum")), ("md5", file.get("md5Checksum")))
    entry = Entry(
        path=path,
        size=int(file["size"]) if "size" in file and not file["mimeType"].startswith(_GOOGLES) else None,
        modified=rest.iso_date(file.get("modifiedTime")),
        version=str(file.get("headRevisionId") or file.get("version") or ""),
        digests=tuple(f"{name}:{digest.lower()}" for name, digest in digests if digest),
        is_directory=file["mimeType"] == _FOLDER,
    )
    return _Found(file["id"], entry, file["mimeType"])


def _is_path(path: str) -> bool:
    try:
        refuse_leading_out(path)
    except PermanentError:
        return False
    return not path.endswith("/")


def _json(host: str, answer: rest.Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise TemporaryError(f"{host}: its answer is not the JSON that was to come")
    return found


def _reason(answer: rest.Answer) -> tuple[str, str]:
    """Drive's word for what is wrong, and what it says of it."""
    try:
        error = json.loads(answer.data)["error"]
        return str(error["errors"][0]["reason"]), str(error["message"])
    except (ValueError, LookupError, TypeError):
        return "", ""
