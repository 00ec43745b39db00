"""Files that come from Google Drive and have copies in S3 and in a VOSpace, from end to end."""

from __future__ import annotations

from pathlib import Path

from tests.kit.drive import key_file, running_drive
from tests.kit.mission import Mission, name_of, product, table
from tests.kit.s3 import ENVIRONMENT, SECRET, S3Server
from tests.kit.stores import rule
from tests.kit.vospace import AUTHORITY, TOKEN, running_space

KEY_NAME, SECRET_NAME = ENVIRONMENT
FIRST, SECOND, DOCUMENT = (name_of("raw", day) for day in (1, 2, 3))


def test_files_come_from_drive_and_go_to_s3_and_a_vospace(sqlite_mission: Mission, s3: S3Server) -> None:
    mission = sqlite_mission
    with running_drive() as drive, running_space() as space:
        space.put("home/data")
        folder = drive.put("2026", "TopFolder")
        for name in (FIRST, SECOND):
            drive.put(name, folder, name.encode())
        drive.put(DOCUMENT, folder, mimeType="application/vnd.google-apps.document")
        key = key_file(drive.endpoint)
        mission.environment |= {"DRIVE_KEY": key, "VOS_TOKEN": TOKEN, **ENVIRONMENT}
        mission.create(
            product("raw", 0),
            table("source.drive", {"url": "gdrive://TopFolder", "path": "2026/*.txt", "reserve": 0})
            + f'service_account = "env:DRIVE_KEY"\nendpoint = "{drive.endpoint}"\n',
            table("store.cloud", {"url": f"s3://{s3.bucket}/copies", "reserve": 0, "endpoint": s3.endpoint})
            + f'access_key = "env:{KEY_NAME}"\nsecret_key = "env:{SECRET_NAME}"\n',
            table("store.space", {"url": f"vos://{AUTHORITY}/home/data", "reserve": 0, "endpoint": space.endpoint})
            + 'token = "env:VOS_TOKEN"\n',
            rule("raw", to=["cloud", "space"]),
        )
        said = mission.dbproc("fetch", status=1)
        assert f"{DOCUMENT}: gdrive://TopFolder: 2026/{DOCUMENT} is a document of Google's own" in said.out + said.err
        mission.dbproc("run")
        states = dict(mission.rows("SELECT state, count(*) FROM transfer GROUP BY state"))
        assert states == {"verified": 6, "failed": 1}
        assert "no fault" in mission.dbproc("stores", "check", "--deep").out
        mission.dbproc("offload", FIRST, SECOND)
        assert not list(mission.root.rglob("raw_*"))
        mission.dbproc("recall", FIRST)
        del mission.environment[SECRET_NAME]  # the store is not up, and the next one is asked
        mission.dbproc("recall", SECOND)
        came = mission.rows(
            "SELECT origin_place FROM transfer WHERE task = 'recall' AND state = 'verified' ORDER BY transfer_id"
        )
        assert came == [("store cloud",), ("store space",)]
        assert {name: next(mission.root.rglob(name)).read_text() for name in (FIRST, SECOND)} == {
            name: name for name in (FIRST, SECOND)
        }
    private = key.split("\\n")[1]
    for path in Path(mission.root.parent).rglob("*"):
        text = path.read_bytes() if path.is_file() else b""
        assert not any(each.encode() in text for each in (SECRET, TOKEN, private)), path
