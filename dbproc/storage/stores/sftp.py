"""Places that are reached by SFTP, with pinned host keys.

Of a file that a server tells the size and the time of change, whole seconds: as long as both are the same it counts as
unchanged. Links to files are files where they lead to something in the place; links to directories are not followed.
"""

from __future__ import annotations

import datetime as dt
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from ssh2 import session as ssh
from ssh2.exceptions import SSH2Error
from ssh2.sftp import LIBSSH2_FXF_CREAT, LIBSSH2_FXF_READ, LIBSSH2_FXF_TRUNC, LIBSSH2_FXF_WRITE
from ssh2.sftp_handle import SFTPAttributes

from dbproc.core.errors import (
    GoneError,
    PermanentError,
    RoomError,
    TakenError,
    TemporaryError,
    TransferError,
)
from dbproc.core.places import PlaceSpec
from dbproc.storage.stores import credentials, hostkeys
from dbproc.storage.stores.base import CHUNK, Entry, partial_name, refuse_leading_out

Result = TypeVar("Result")

_PORT = 22
_CONNECT = 30.0
_FAST = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes256-ctr,chacha20-poly1305@openssh.com"
_OF_PROTOCOL = -31  # libssh2: the server refused, and its status says why
_NO_METHODS = (-5, -8)  # libssh2: nothing that both sides can do
_SIZE = 1  # of the attributes of SFTP: the size is given
_AHEAD = 4  # libssh2 asks for so many times as many bytes as it is to give
_PACKET = 30_000  # bytes that libssh2 asks for at once, at most
_SLOW = 1.0  # seconds after which what came is given on, however little
_HAS_ROOM = 1 << 20

_STATUS: dict[int, tuple[type[TransferError], str]] = {
    2: (GoneError, "no such file"),
    3: (PermanentError, "permission denied"),
    4: (TemporaryError, "failure"),
    6: (TemporaryError, "no connection"),
    7: (TemporaryError, "connection lost"),
    8: (PermanentError, "operation unsupported"),
    10: (GoneError, "no such path"),
    11: (TakenError, "file already exists"),
    12: (PermanentError, "write protected"),
    14: (RoomError, "no space on filesystem"),
    15: (RoomError, "quota exceeded"),
    16: (PermanentError, "unknown principal"),
    19: (GoneError, "not a directory"),
    20: (PermanentError, "invalid filename"),
    21: (PermanentError, "link loop"),
}
_FAILURE, _UNSUPPORTED = 4, 8


def place(spec: PlaceSpec) -> SftpPlace:
    """The directory of an ``sftp:`` URL."""
    return SftpPlace(spec)


class SftpPlace:
    """A directory of a host, below ``/``, or with ``/~/`` below the user's home."""

    def __init__(self, spec: PlaceSpec) -> None:
        parts = urlsplit(spec.url)
        self._spec = spec
        self.host = parts.hostname or ""
        self._port = parts.port or _PORT
        self.url = spec.url
        path = unquote(parts.path).rstrip("/")
        is_of_home = f"{path}/".startswith("/~/")
        self._directory = path[2:].lstrip("/") or "." if is_of_home else path or "/"
        self._user = credentials.user(spec.user) or unquote(parts.username or "")
        self._pinned = hostkeys.pinned(spec.host_key, self.host, self._port)
        if not self._user:
            raise PermanentError(f"{self.host}: no user is named; write user = … or sftp://USER@{self.host}/…")
        self._connection: Connection | None = None
        self._real = ""
        self._inside: set[str] = set()

    def entries(self, directory: str = "") -> Iterator[Entry]:
        """The files and directories in a directory, in the server's order."""
        path = self._path(directory)
        handle = self._do(path, lambda sftp: sftp.opendir(path))
        listed = handle.readdir()
        while (found := self._do(path, lambda _: next(listed, None))) is not None:
            _, raw, attributes = found
            name = raw.decode("utf-8", "surrogateescape")
            if name not in (".", ".."):
                inner = f"{directory.rstrip('/')}/{name}" if directory else name
                yield from self._entry(inner, attributes)

    def look(self, path: str) -> Entry:
        """One file as it is now."""
        place = self._path(path)
        attributes = self._do(place, lambda sftp: sftp.stat(place))
        return self._file(path, attributes)

    def read(self, path: str, offset: int = 0, known: Entry | None = None) -> SftpReader:
        """Read a file from a byte on, or from 0 where it is not the known one any more."""
        place = self._path(path)
        handle = self._do(place, lambda sftp: sftp.open(place, LIBSSH2_FXF_READ, 0))
        entry = self._file(path, self._do(place, lambda _: handle.fstat()))
        goes_on = known is not None and entry.is_provably(known)
        return SftpReader(self, handle, place, entry, offset if goes_on else 0)

    def upload(self, path: str, name: str, offset: int = 0, token: str = "", size: int | None = None) -> SftpUpload:
        """Begin to put a file, or go on with it."""
        target = self._path(path)
        self._make_directory(target.rpartition("/")[0] or "/")
        return SftpUpload(self, target, name, offset)

    def remove(self, path: str) -> None:
        """Remove a file."""
        place = self._path(path)
        with suppress(GoneError):
            self._do(place, lambda sftp: sftp.unlink(place))

    def free(self) -> int | None:
        """Bytes that the user can still write, where the server tells."""
        try:
            found = self._do(self._directory, lambda sftp: sftp.statvfs(self._directory))
        except PermanentError:
            return None
        return int(found.f_bavail) * int(found.f_frsize)

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _path(self, path: str) -> str:
        refuse_leading_out(path)
        return f"{self._directory.rstrip('/')}/{path}".rstrip("/") if path else self._directory

    def _entry(self, path: str, attributes: Any) -> Iterator[Entry]:
        """What a listing tells of one name; nothing where it is neither a file nor a directory."""
        mode = attributes.permissions
        if stat.S_ISLNK(mode):
            with suppress(GoneError, PermanentError):
                yield from self._linked(path)
        elif stat.S_ISDIR(mode):
            yield Entry(path=path, is_directory=True)
        elif stat.S_ISREG(mode):
            yield as_entry(path, attributes)

    def _linked(self, path: str) -> Iterator[Entry]:
        """The file to which a link leads; nothing where it leads out of the place, or to no file."""
        place = self._path(path)
        attributes = self._do(place, lambda sftp: sftp.stat(place))
        if stat.S_ISREG(attributes.permissions) and self._is_inside(place):
            yield as_entry(path, attributes)

    def _is_inside(self, place: str) -> bool:
        self._real = self._real or str(self._do(place, lambda sftp: sftp.realpath(self._directory, 4096)))
        real = str(self._do(place, lambda sftp: sftp.realpath(place, 4096)))
        return real == self._real or real.startswith(self._real.rstrip("/") + "/")

    def _file(self, path: str, attributes: Any) -> Entry:
        if not stat.S_ISREG(attributes.permissions):
            raise PermanentError(f"{self.host}: {self._path(path)} is no file")
        return as_entry(path, attributes)

    def _make_directory(self, place: str) -> None:
        """Make a directory below the place, which has to be there; PermanentError where a link leads out."""
        if place in self._inside:
            return
        if not self._is_there(place):
            if len(place) <= len(self._directory):
                words = f"{self.host}: {self._directory} is not there; make it, or is its disk not mounted?"
                raise TemporaryError(words, is_of_place=True)
            self._make_directory(place.rpartition("/")[0])
            try:
                self._do(place, lambda sftp: sftp.mkdir(place, 0o755))
            except TransferError:
                if not self._is_there(place):
                    raise
        if not self._is_inside(place):
            raise PermanentError(f"{self.host}: {place} leads out of {self._directory}: a link is on the way")
        self._inside.add(place)

    def _is_there(self, place: str) -> bool:
        try:
            self._do(place, lambda sftp: sftp.stat(place))
        except GoneError:
            return False
        return True

    def _do(self, path: str, work: Callable[[Any], Result]) -> Result:
        """Ask the server for something; whatever goes wrong is told as a TransferError that names host and path.

        After a connection that broke the next question opens another one.
        """
        if self._connection is None:
            self._connection = Connection(self._spec, self.host, self._port, self._user, self._pinned)
        connection = self._connection
        try:
            return work(connection.sftp)
        except SSH2Error as error:
            if connection.session.last_errno() == _OF_PROTOCOL:
                raise self._refused(path, connection.sftp.last_error()) from None
            self.close()
            why = connection.words or type(error).__name__
            raise TemporaryError(f"{self.host}: the connection broke: {why}") from None
        except OSError as error:
            self.close()
            raise TemporaryError(f"{self.host}: the connection broke: {error.strerror or error}") from None

    def _refused(self, path: str, status: int) -> TransferError:
        kind, words = _STATUS.get(status, (TemporaryError, "it is not as asked"))
        text = f"{self.host}: {path}: the server says: {words} (status {status})"
        return kind(text)


def as_entry(path: str, attributes: Any) -> Entry:
    """A file as a server tells it."""
    modified = dt.datetime.fromtimestamp(attributes.mtime, dt.UTC) if attributes.mtime else None
    return Entry(path=path, size=int(attributes.filesize), modified=modified)


class _Socket(socket.socket):
    """A socket that is closed with the last object of the library that uses it, and not before: its number would be
    that of another connection by then."""

    def end(self) -> None:
        """Let nothing more through."""
        with suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)

    def __del__(self) -> None:
        self.close()


class Connection:
    """A session with a host whose key is the pinned one, logged in.

    Raises
    ------
    TemporaryError
        The host cannot be reached.
    PermanentError
        It shows another key, or refuses the user.
    """

    def __init__(self, spec: PlaceSpec, host: str, port: int, user: str, pinned: hostkeys.Pinned) -> None:
        self._spec = spec
        self._host = host
        self._port = port
        self._socket, self.session = self._trusted(pinned)
        try:
            self._log_in(user)
            self.sftp = self.session.sftp_init()
        except SSH2Error:
            words = self.words
            self.close()
            raise TemporaryError(f"{host}: speaks no SFTP now: {words}", is_of_place=True) from None
        except BaseException:
            self.close()
            raise

    @property
    def words(self) -> str:
        """What the library says of the last error."""
        return str(self.session.last_error() or "")

    def close(self) -> None:
        """End it, without waiting for the host."""
        self.session.set_timeout(1000)
        with suppress(SSH2Error, OSError):
            self.session.disconnect()
        self._socket.end()

    def _trusted(self, pinned: hostkeys.Pinned) -> tuple[_Socket, Any]:
        """A session with the pinned key: the host is asked for each kind of key until it shows one that is pinned."""
        shown = ""
        for family in pinned.families:
            connected, session = self._shaken(family)
            if session is None:
                connected.end()
                continue
            key = session.hostkey()[0]
            if pinned.allows(key):
                return connected, session
            shown = shown or f"{hostkeys.fingerprint(key)} ({hostkeys.kind(key)})"
            connected.end()
        if not shown:
            raise PermanentError(f"{self._host}: it has no key of a kind that is pinned in {pinned.where}")
        expected = f"{' or '.join(pinned.fingerprints)} ({pinned.where})"
        raise PermanentError(
            f"{self._host}: its host key is {shown}, and the pinned one is {expected}; "
            "nothing was sent to it. Pin the new key only if its administrator says that it was set up anew"
        )

    def _shaken(self, family: tuple[str, ...]) -> tuple[_Socket, Any]:
        """A connection with the key of a family; None for the session where the host has none."""
        seconds = self._spec.timeout.total_seconds()
        try:
            made = socket.create_connection((self._host, self._port), min(_CONNECT, seconds))
        except socket.gaierror as error:
            text = f"{self._host}: its address cannot be found: {error.strerror}"
            raise TemporaryError(text, is_of_place=True) from None
        except OSError as error:
            text = f"{self._host}: port {self._port} cannot be connected to: {error.strerror or error}"
            raise TemporaryError(text, is_of_place=True) from None
        connected = _Socket(fileno=made.detach())
        connected.settimeout(None)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = ssh.Session()
        session.set_timeout(max(1, int(seconds * 1000)))
        session.method_pref(ssh.LIBSSH2_METHOD_HOSTKEY, ",".join(family))
        for way in (ssh.LIBSSH2_METHOD_CRYPT_CS, ssh.LIBSSH2_METHOD_CRYPT_SC):
            session.method_pref(way, _FAST)
        try:
            session.handshake(connected)
        except SSH2Error:
            if session.last_errno() in _NO_METHODS:
                return connected, None
            words = session.last_error()
            connected.end()
            raise TemporaryError(f"{self._host}: no SSH is spoken there: {words}", is_of_place=True) from None
        return connected, session

    def _log_in(self, user: str) -> None:
        spec = self._spec
        key, phrase = credentials.value(spec.private_key), credentials.value(spec.passphrase)
        password = credentials.value(spec.password)
        if not key and not password:
            raise PermanentError(f"{self._host}: neither private_key nor password is given for {user}")
        refused = []
        if key:
            whole = f"{key}\n".encode()
            if self._is_let_in(lambda: self.session.userauth_publickey_frommemory(user, whole, phrase)):
                return
            refused.append(f"private_key ({self.words})")
        if password:
            if self._is_let_in(lambda: self.session.userauth_password(user, password)):
                return
            refused.append(f"password ({self.words})")
        raise PermanentError(f"{self._host}: does not let {user} in by {', nor by '.join(refused)}")

    def _is_let_in(self, ask: Callable[[], Any]) -> bool:
        try:
            ask()
        except SSH2Error as error:
            if type(error).__name__ in ("SocketDisconnectError", "SocketSendError", "SocketRecvError", "Timeout"):
                raise
            return False
        return True


class SftpReader:
    """A file of a host that is being read; one that changes meanwhile is a TemporaryError."""

    def __init__(self, place: SftpPlace, handle: Any, path: str, entry: Entry, offset: int) -> None:
        self._place = place
        self._handle = handle
        self._path = path
        self.entry = entry
        self.offset = offset

    def __iter__(self) -> Iterator[bytes]:
        """The bytes."""
        at, end = self.offset, self.entry.size or 0
        if at:
            self._handle.seek64(at)
        while at < end and (chunk := self._chunk(end - at)):
            at += len(chunk)
            yield chunk
        if at < end:
            self._place.close()
            raise TemporaryError(f"{self._place.host}: {self._path} ended after {at:,} of {end:,} bytes")
        attributes = self._place._do(self._path, lambda _: self._handle.fstat())
        if not as_entry(self.entry.path, attributes).is_provably(self.entry):
            raise TemporaryError(f"{self._place.host}: {self._path} changed while it was read")

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            with suppress(SSH2Error):
                self._handle.close()
            self._handle = None

    def _chunk(self, rest: int) -> bytes:
        """What comes next: the library gives it in small parts."""
        parts: list[bytes] = []
        count, until = 0, time.monotonic() + _SLOW
        whole = min(rest, CHUNK)
        while count < whole and (part := self._part(whole - count, rest - count)):
            parts.append(part)
            count += len(part)
            if time.monotonic() > until:
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _part(self, wanted: int, rest: int) -> bytes:
        """Nothing is asked for beyond the end: some servers wait before they answer that. What came of a small file
        with its first part is taken without asking."""
        whole = (self.entry.size or 0) - self.offset
        has_come = rest < whole <= _PACKET
        size = min(wanted, rest if has_come else -(-rest // _AHEAD))
        count, part = self._place._do(self._path, lambda _: self._handle.read(size))
        return bytes(part) if count > 0 else b""


class SftpUpload:
    """A file that is being written beside where it goes."""

    reads_before = True
    alongside = False
    token = ""

    def __init__(self, place: SftpPlace, target: str, name: str, offset: int) -> None:
        self._place = place
        self._target = target
        self._partial = f"{target.rpartition('/')[0]}/{partial_name(name)}"
        self._published = False
        self._can_sync = True
        self._handle: Any = None
        self.offset = self._go_on(offset) if offset else 0
        if not self.offset:
            flags = LIBSSH2_FXF_WRITE | LIBSSH2_FXF_CREAT | LIBSSH2_FXF_TRUNC
            self._handle = self._do(lambda sftp: sftp.open(self._partial, flags, 0o644))
        self._at = self.offset

    def prefix(self) -> Iterator[bytes] | None:
        """The bytes that are there already."""
        return self._bytes(self._partial, self.offset)

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        try:
            self._do(lambda _: self._handle.write(chunk))
        except TemporaryError as error:
            raise self._full(error, len(chunk)) from None
        self._at += len(chunk)

    def checkpoint(self) -> int:
        """Sync what was written, where the server can; it has all of it."""
        if self._can_sync:
            try:
                self._do(lambda _: self._handle.fsync())
            except PermanentError:
                self._can_sync = False
        return self._at

    def finish(self) -> None:
        """Sync it; the server has as many bytes as were written."""
        self.checkpoint()
        self._close_handle()
        found = int(self._do(lambda sftp: sftp.stat(self._partial)).filesize)
        if found != self._at:
            raise TemporaryError(f"{self._place.host}: {self._partial} has {found:,} bytes of {self._at:,} written")

    def read_back(self) -> Iterator[bytes]:
        """The bytes as the server has them."""
        return self._bytes(self._target if self._published else self._partial, None)

    def publish(self) -> str:
        """Rename it; OpenSSH refuses by itself to overwrite, and where a server does not the name is looked at before.

        Raises
        ------
        TakenError
            Something has the name.
        """
        self._refuse_taken()
        try:
            self._do(lambda sftp: sftp.rename(self._partial, self._target))
        except TransferError:
            self._refuse_taken()
            raise
        self._published = True
        return ""

    def discard(self) -> None:
        """Remove what was written."""
        self.close()
        path = self._target if self._published else self._partial
        with suppress(GoneError):
            self._do(lambda sftp: sftp.unlink(path))

    def close(self) -> None:
        """Close the file."""
        with suppress(TransferError):
            self._close_handle()

    def _close_handle(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            self._do(lambda _: handle.close())

    def _go_on(self, offset: int) -> int:
        """How many of the recorded bytes are there, opened behind them; 0 where the server does not let us go on."""
        try:
            there = int(self._do(lambda sftp: sftp.stat(self._partial)).filesize)
            offset = min(offset, there)
            self._handle = self._do(lambda sftp: sftp.open(self._partial, LIBSSH2_FXF_WRITE, 0))
            if there > offset:
                self._do(lambda _: self._handle.fsetstat(_of_size(offset)))
                if int(self._do(lambda _: self._handle.fstat()).filesize) != offset:
                    return 0
            self._handle.seek64(offset)
        except TransferError as error:
            if isinstance(error, TemporaryError) and self._place._connection is None:
                raise
            return 0
        return offset

    def _refuse_taken(self) -> None:
        with suppress(GoneError):
            self._do(lambda sftp: sftp.lstat(self._target))
            raise TakenError(f"{self._place.host}: {self._target} is there already")

    def _full(self, error: TemporaryError, more: int) -> TemporaryError:
        """The error of a write: of a full disk OpenSSH says no more than that it failed."""
        with suppress(TransferError):
            free = self._place.free()
            if free is not None and free < max(more, _HAS_ROOM):
                return RoomError(f"{error}; {free:,} bytes are free there")
        return error

    def _bytes(self, path: str, count: int | None) -> Iterator[bytes]:
        handle = self._do(lambda sftp: sftp.open(path, LIBSSH2_FXF_READ, 0))
        try:
            size = int(self._do(lambda _: handle.fstat()).filesize)
            whole = Entry(path=path, size=size if count is None else count)
            reader = SftpReader(self._place, handle, path, whole, 0)
            rest = whole.size or 0
            while rest and (chunk := reader._chunk(rest)):
                rest -= len(chunk)
                yield chunk
        finally:
            with suppress(SSH2Error):
                handle.close()

    def _do(self, work: Callable[[Any], Result]) -> Result:
        return self._place._do(self._target, work)


def _of_size(size: int) -> Any:
    attributes = SFTPAttributes()
    attributes.flags = _SIZE
    attributes.filesize = size
    return attributes
