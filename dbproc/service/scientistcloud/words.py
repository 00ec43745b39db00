"""What clients say of a dataset that they upload, and how an upload is told to them."""

from __future__ import annotations

import datetime as dt
import re
import secrets
import time
import uuid
from collections.abc import Mapping, Sequence

from fastapi import Request

from dbproc.core.scientistcloud import MINUTES, SECONDS, SENSORS, STATUSES, sensor_of, truth_of
from dbproc.core.transfers import TransferState, expected_end
from dbproc.core.uploads import Upload
from dbproc.service.scientistcloud.dialect import Generation

LABELS = ("folder", "team_uuid", "relative_path", "tags", "dataset_identifier", "description")
_LONGEST = 500
_LONGEST_NAME = 255
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_LARGE = 100 << 20

Fields = Mapping[str, object]


def new_word(kind: str) -> str:
    """A job's or an upload's name: ``upload_<seconds>_<8 hexadecimal digits>``."""
    return f"{kind}_{int(time.time())}_{secrets.token_hex(4)}"


def checked(fields: Fields, required: Sequence[str], generation: Generation, missing: str) -> dict[str, object]:
    """What is kept of a dataset's description.

    Parameters
    ----------
    fields
        As the client sent them.
    required
        Those that must be there, in the order in which they are missed.
    generation
        Which decides what may be left out.
    missing
        The sentence for one that is missing, with ``{}`` for its name.
    """
    for name in required:
        if fields.get(name) in (None, ""):
            raise generation.refuse(missing.format(name))
    return described(fields, generation)


def described(fields: Fields, generation: Generation) -> dict[str, object]:
    """What is kept of a dataset's description; a Problem where something in it is wrong."""
    facts: dict[str, object] = {"dataset_uuid": str(uuid.uuid4())}
    sensor = sensor_of(str(fields.get("sensor", "")))
    if sensor is None:
        raise generation.refuse(f"Invalid sensor type. Must be one of: {list(SENSORS)}")
    facts |= {"sensor": sensor} | _truths(fields, generation)
    email = str(fields.get("user_email", ""))
    if not generation.is_first and not _EMAIL.fullmatch(email):
        raise generation.refuse("user_email must be an e-mail address")
    facts |= {"user_email": email, "dataset_name": str(fields.get("dataset_name", ""))}
    facts |= {name: str(fields[name]) for name in LABELS if fields.get(name)}
    longest = {"dataset_name": _LONGEST_NAME, "folder": _LONGEST_NAME}
    for name, value in facts.items():
        if len(str(value)) > longest.get(name, _LONGEST):
            raise generation.refuse(f"{name} has more than {longest.get(name, _LONGEST)} characters")
    return facts


def _truths(fields: Fields, generation: Generation) -> dict[str, object]:
    defaults = {"convert": True, "is_public": False, "is_public_downloadable": False}
    facts: dict[str, object] = {}
    for name, default in defaults.items():
        value = truth_of(fields.get(name, default))
        if value is None:
            raise generation.refuse("convert and is_public must be boolean values")
        facts[name] = value
    return facts


# --- told ---


def accepted(request: Request, upload: Upload, message: str, source: str = "local") -> dict[str, object]:
    """The answer to an upload that was accepted, with the members of both generations."""
    return {
        **_links(request, upload),
        "job_id": upload.word,
        "dataset_uuid": upload.facts.get("dataset_uuid"),
        "status": STATUSES[TransferState.WAITING],
        "message": message,
        "estimated_time": MINUTES.get(source, 5),
        "estimated_duration": SECONDS.get(source, 300),
        "upload_type": "chunked" if (upload.size or 0) > _LARGE else "standard",
    }


def _links(request: Request, upload: Upload) -> dict[str, object]:
    def path_of(name: str) -> str:
        return str(request.url_for(name, job_id=upload.word).path)

    return {"progress_url": path_of("scientistcloud_status"), "cancel_url": path_of("scientistcloud_cancel")}


def status_of(upload: Upload) -> dict[str, object]:
    """How far an upload is, in the words of both generations."""
    transfer, now = upload.transfer, dt.datetime.now(dt.UTC)
    size, done = upload.size, transfer.durable
    rate = None if transfer.state.is_final else transfer.bytes_per_second
    end = None if transfer.state.is_final else expected_end(now, done, size, rate)
    fault = transfer.reason if transfer.state in (TransferState.FAILED, TransferState.CANCELLED) else None
    percentage = 100.0 if transfer.state.is_complete else 0.0 if not size else round(100 * done / size, 2)
    return {
        "job_id": upload.word,
        "dataset_uuid": upload.facts.get("dataset_uuid"),
        "status": STATUSES[transfer.state],
        "progress_percentage": percentage,
        "bytes_uploaded": done,
        "bytes_total": size,
        "speed_mbps": round((rate or 0.0) * 8 / 1e6, 3),
        "eta_seconds": None if end is None else max(0, round((end - now).total_seconds())),
        "current_file": None if transfer.state.is_final else transfer.filename,
        "message": transfer.reason or STATUSES[transfer.state],
        "error_message": fault,
        "error": fault,
        "created_at": _time(transfer.asked),
        "updated_at": _time(transfer.since),
        "last_updated": _time(transfer.since),
    }


def listed(request: Request, upload: Upload) -> dict[str, object]:
    """An upload in a list."""
    return {**status_of(upload), **_links(request, upload), "source_type": upload.facts.get("source_type", "local")}


def _time(time: dt.datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
