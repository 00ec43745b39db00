"""The service behind nginx, with the configuration that docs/serving.md shows, but for names, port and certificate."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.kit.certificates import server_context
from tests.kit.mission import Mission, product
from tests.kit.service import BELOW, AtPath, bearer
from tests.kit.sessions import DOCS

MIB = 1 << 20


class Nginx:
    """nginx before a service at a path."""

    def __init__(self, directory: Path, service: AtPath) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        certificate = directory / "cert.pem"
        server_context(certificate)
        server = (DOCS / "serving" / "nginx.conf").read_text(encoding="utf-8")
        for shown, here in (
            ("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl"),
            ("/run/dbproc-sonar/socket", str(service.path)),
            ("/etc/ssl/missions.pem", str(certificate)),
            ("/etc/ssl/private/missions.key", str(certificate.with_suffix(".key"))),
        ):
            assert shown in server
            server = server.replace(shown, here)
        temporary = "".join(f"{each}_temp_path {directory}/{each};" for each in ("client_body", "proxy", "fastcgi"))
        temporary += "".join(f"{each}_temp_path {directory}/{each};" for each in ("uwsgi", "scgi"))
        user = "user root;" if os.getuid() == 0 else ""
        self._file = directory / "nginx.conf"
        self._file.write_text(
            f"{user} pid {directory}/pid; error_log {directory}/errors; events {{}}\n"
            f"http {{ access_log off; {temporary}\n{server} }}\n"
        )
        trusting = ssl.create_default_context(cafile=certificate)
        self.client = httpx2.Client(base_url=f"https://127.0.0.1:{self.port}", verify=trusting, timeout=60)
        subprocess.run(["nginx", "-c", str(self._file)], check=True, timeout=30)

    def stop(self) -> None:
        self.client.close()
        subprocess.run(["nginx", "-c", str(self._file), "-s", "stop"], check=True, timeout=30)


@pytest.fixture(scope="module")
def mission(tmp_path_factory: pytest.TempPathFactory) -> Mission:
    directory = tmp_path_factory.mktemp("proxied")
    return Mission(directory / "mission", str(directory / "mission.sqlite")).create(product("raw", 0))


@pytest.fixture(scope="module")
def nginx(mission: Mission) -> Iterator[Nginx]:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        service = AtPath(mission, Path(name, "socket"))
        try:
            proxy = Nginx(Path(name), service)
            try:
                yield proxy
            finally:
                proxy.stop()
        finally:
            service.end()


def test_who_asks_is_who_asks_the_proxy(nginx: Nginx, mission: Mission) -> None:
    token = bearer(mission.database)
    client = nginx.client
    assert client.get(f"{BELOW}/api/v1/status", headers=token).status_code == 200
    assert client.get("/api/v1/status", headers=token).status_code == 404  # what is not below the path is not its own
    forged = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "http"}
    sent = {"token": token["Authorization"].removeprefix("Bearer ")}
    own = {"Origin": f"https://127.0.0.1:{nginx.port}"}
    answer = client.post(f"{BELOW}/login", data=sent, headers={**forged, **own})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{BELOW}/")
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]
    entry = mission.dbproc("audit", "list", "--action", "session", "--json").json[0]
    assert entry["address"] == "127.0.0.1"
    assert client.post(f"{BELOW}/login", data=sent, headers={"Origin": "https://evil.example.org"}).status_code == 403


def test_an_upload_goes_through_the_proxy(nginx: Nginx, mission: Mission) -> None:
    content = os.urandom(20 * MIB)
    client, always = nginx.client, {**bearer(mission.database), "Tus-Resumable": "1.0.0"}
    said = ",".join(
        f"{name} {base64.b64encode(value.encode()).decode()}"
        for name, value in (("filename", "raw_20200101_v1.0.0.txt"), ("sha256", hashlib.sha256(content).hexdigest()))
    )
    begin = {**always, "Upload-Length": str(len(content)), "Upload-Metadata": said}
    url = client.post(f"{BELOW}/api/v1/uploads/tus", headers=begin).headers["location"]
    assert url.startswith(f"https://127.0.0.1:{nginx.port}{BELOW}/")
    at = 0
    for part in (content[: 15 * MIB], content[15 * MIB :]):
        headers = {**always, "Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream"}
        answer = client.patch(url, content=part, headers=headers)
        at += len(part)
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(at))
    assert (mission.incoming / "raw_20200101_v1.0.0.txt").read_bytes() == content
