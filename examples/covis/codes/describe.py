#!/usr/bin/env python3
"""The record of a run of the sonar: when, how and where it looked. Usage: describe.py SITE CONTENTS OUTPUT."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

_, site, contents, output = sys.argv
basename = Path(contents).name.removesuffix(".contents.json")
_, time, mode = basename.replace("-", "_").split("_", 2)
when = datetime.strptime(time, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
listed = json.loads(Path(contents).read_text(encoding="utf-8"))["contents"]
members = [{key: each[key] for key in ("name", "size", "sha1")} for each in listed if each["kind"] == "file"]
record = {
    "basename": basename,
    "datetime": when.isoformat(timespec="milliseconds"),
    "mode": mode,
    "site": site,
    "contents": members,
}
Path(output).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
