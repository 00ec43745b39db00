"""Real SFTP servers for the tests: rclone's from its package, and OpenSSH's where it is found."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dbproc.core.places import StoreSpec
from dbproc.storage.stores import hostkeys
from tests.kit.started import of_package, running

NOBODY = 65534
PHRASE = "thephraseofthetests"
PASSWORD = "thepasswordofthetests"
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
"""OpenSSH's server, or None."""


@dataclass(frozen=True)
class SshServer:
    """A server; `directory` holds its files here, `top` is how the server calls it, `keys` holds the keys."""

    kind: str
    port: int
    user: str
    directory: Path
    top: str
    keys: Path

    @property
    def host_key(self) -> str:
        """The fingerprint of its host key."""
        return hostkeys.fingerprint(public_key(self.keys / "host"))

    def spec(self, path: str = "", **keys: Any) -> StoreSpec:
        """A store in a directory of it."""
        at = f"sftp://{self.user}@127.0.0.1:{self.port}{self.top}{path}"
        given = {"host_key": self.host_key, "private_key": f"file:{self.keys / 'user'}", **keys}
        return StoreSpec(name="nas", url=at, **given)


def public_key(path: Path) -> bytes:
    """The public half of a private key without a phrase, as it is sent."""
    key = form.load_ssh_private_key(path.read_bytes(), None).public_key()
    words = key.public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).split()
    return base64.b64decode(words[1])


def known_line(private: Path, names: str) -> str:
    """A line of a known_hosts file."""
    key = public_key(private)
    return f"{names} {hostkeys.kind(key)} {base64.b64encode(key).decode()} a comment\n"


def make_keys(directory: Path) -> None:
    """Keys of a host, of a stranger and of a user, the user's also with a phrase."""
    for name, phrase in (("host", ""), ("stranger", ""), ("user", ""), ("locked", PHRASE)):
        key = Ed25519PrivateKey.generate()
        how = form.BestAvailableEncryption(phrase.encode()) if phrase else form.NoEncryption()
        private = directory / name
        private.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, how))
        private.chmod(0o600)
        public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
        with open(directory / "authorized", "ab") as stream:
            stream.write(public + b"\n" if name in ("user", "locked") else b"")


@contextmanager
def running_rclone_sftp() -> Iterator[SshServer]:
    """The server of rclone; it has no sync, its rename overwrites, and nobody can write from the middle on."""
    with tempfile.TemporaryDirectory(prefix="dbproc-sftp-") as made:
        directory, keys, cache = (_made(Path(made), name) for name in ("files", "keys", "cache"))
        make_keys(keys)
        with running(
            (
                *(of_package("rclone"), "serve", "sftp", str(directory), "--addr", "127.0.0.1:0"),
                *("--key", str(keys / "host"), "--authorized-keys", str(keys / "authorized")),
                *("--user", "somebody", "--pass", PASSWORD, "--config", os.devnull, "--dir-cache-time", "0s"),
                *("--vfs-cache-mode", "off", "--vfs-read-wait", "0s", "--cache-dir", str(cache)),
            ),
            r"listening on 127\.0\.0\.1:[1-9]\d*",
        ) as said:
            yield SshServer("rclone", int(said.rpartition(":")[2]), "somebody", directory, "", keys)


@contextmanager
def running_sshd() -> Iterator[SshServer]:
    """OpenSSH's server: for the user of the tests, or for nobody where that is root."""
    assert SSHD is not None
    is_root = os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix="dbproc-sshd-") as made:
        Path(made).chmod(0o755)
        directory, keys = (_made(Path(made), name) for name in ("files", "keys"))
        make_keys(keys)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        settings = Path(made) / "settings"
        settings.write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {keys}/host\nAuthorizedKeysFile {keys}/authorized\n"
            f"StrictModes no\nPidFile none\nUsePAM {'yes' if is_root else 'no'}\nSubsystem sftp internal-sftp\n"
        )
        how: dict[str, Any] = {}
        user = os.environ.get("USER", "")
        if is_root:
            user, how = "nobody", {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            for path in (directory, keys / "host"):
                os.chown(path, NOBODY, NOBODY)
            keys.chmod(0o755)
            (keys / "authorized").chmod(0o644)
        with running((SSHD, "-D", "-e", "-f", str(settings)), "Server listening on 127", **how):
            yield SshServer("sshd", port, user, directory, str(directory), keys)


def _made(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name
