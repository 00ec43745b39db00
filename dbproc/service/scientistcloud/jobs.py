"""Uploads of whole files, their state and their end: ``/api/upload/…`` of both generations."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from dbproc.core.access import Principal
from dbproc.core.errors import NotFoundError
from dbproc.core.scientistcloud import (
    CHUNK,
    LATER_SOURCES,
    MINUTES,
    MOST,
    SECONDS,
    SENSORS,
    STATUSES,
    minutes_words,
    states_of,
)
from dbproc.core.states import UploadWay
from dbproc.core.transfers import TransferState
from dbproc.core.uploads import Upload
from dbproc.database import lock, trail, uploads
from dbproc.database.store import Transaction
from dbproc.explain.readiness import Verdict, readiness
from dbproc.ingest import imports
from dbproc.service.access import Uploader
from dbproc.service.context import Context, Here
from dbproc.service.problems import Problem
from dbproc.service.scientistcloud.dialect import (
    DESCRIBED,
    FAULTS,
    FORM,
    JSON,
    Deciding,
    Generation,
    Route,
    body_of,
    takes,
)
from dbproc.service.scientistcloud.words import accepted, checked, described, listed, new_word, status_of
from dbproc.service.uploads.owned import owned
from dbproc.service.uploads.sending import Judge, receive_form
from dbproc.service.uploads.streams import desk_of, in_thread
from dbproc.transfers import uploads as transfers

router = APIRouter(tags=["scientistcloud"], route_class=Route, responses=FAULTS)

_ALL = ("source_type", "source_config", "user_email", "dataset_name", "sensor", "convert", "is_public")
_OF_FORM = ("user_email", "sensor", "convert", "is_public")
_LOCAL = "/api/upload/local/upload"
_GONE = "Job not found or already completed"
_TIB, _MIB = 1 << 40, 1 << 20


# --- begun ---


@router.post(
    "/api/upload/initiate", openapi_extra=takes(JSON, source_type="string", source_config="object", **DESCRIBED)
)
async def initiate(request: Request, here: Here, asking: Uploader, generation: Deciding) -> Response:
    """Begin an upload from a source; a file of the client's own is sent to the URL that is answered."""
    fields = await body_of(request)
    required = _ALL if generation.is_first else ("source_type", "user_email", "dataset_name", "sensor")
    source = str(fields.get("source_type", ""))
    for name in required:
        if name not in fields or fields[name] is None:
            raise generation.refuse(f"Missing required field: {name}")
    facts = described(fields, generation)
    if source not in (*MINUTES, *LATER_SOURCES):
        raise generation.refuse(f"Invalid source type. Must be one of: {[*MINUTES]}")
    if source == "url":
        job = await in_thread(_imported, here, asking, fields.get("source_config"), facts, generation)
        return JSONResponse(
            accepted(request, job, "Upload job initiated successfully", source), status_code=generation.accepted
        )
    if source != "local":
        raise Problem(501, f"Unsupported source type: {source}; send the file itself, or have an operator add a source")
    path = str(request.url_for("scientistcloud_local_upload").path)
    answer = {
        "message": f"For local uploads, use the {path} endpoint",
        "upload_url": path,
        "dataset_uuid": facts["dataset_uuid"],
        "instructions": "POST a file with metadata to the upload_url",
    }
    return JSONResponse(answer)


def _imported(
    here: Context, asking: Principal, config: object, facts: Mapping[str, object], generation: Generation
) -> Upload:
    """Have the file at a URL fetched by the next run."""
    url = config.get("url") if isinstance(config, dict) else None
    if not isinstance(url, str):
        raise generation.refuse("Missing required field: source_config.url")
    word, told = new_word("upload"), {**facts, "source_type": "url"}

    def enter(connection: Transaction, number: int) -> None:
        way, owner = UploadWay.URL, asking.name
        uploads.enter(connection, number, word=word, way=way, owner=owner, token=asking.token, facts=told)
        trail.add(connection, who=asking, action="import request", object=url.partition("?")[0])

    imports.ask(here.writing, url, user=asking.name, besides=enter)
    here.wake()
    return owned(here, asking, word)


@router.post(
    _LOCAL,
    name="scientistcloud_local_upload",
    status_code=202,
    openapi_extra=takes(FORM, file="file", **DESCRIBED),
    responses={200: {"description": "the same, where the second generation decides"}},
)
async def local_upload(request: Request, here: Here, asking: Uploader, generation: Deciding) -> Response:
    """Send a file with what is to be known of it, as a form."""

    def judge(fields: Mapping[str, str], filename: str | None) -> dict[str, object]:
        if filename is None:
            raise generation.refuse("No file provided")
        if filename == "":
            raise generation.refuse("No file selected")
        required = _OF_FORM if generation.is_first else ("user_email", "dataset_name", "sensor")
        named = {**fields, "dataset_name": fields.get("dataset_name") or filename}
        return checked(named if generation.is_first else fields, required, generation, "{} is required")

    return await _sent(request, here, asking, generation.accepted, judge)


@router.post("/api/upload/upload", openapi_extra=takes(FORM, file="file", **DESCRIBED))
async def upload(request: Request, here: Here, asking: Uploader) -> Response:
    """The same as the second generation has it; the file may be added to what was sent before."""
    generation = Generation.second()

    def judge(fields: Mapping[str, str], filename: str | None) -> dict[str, object]:
        if not filename:
            raise generation.refuse("No file provided")
        facts = checked(fields, ("user_email", "dataset_name", "sensor"), generation, "{} is required")
        return facts | _added(here, asking, fields)

    return await _sent(request, here, asking, 200, judge)


def _added(here: Context, asking: Principal, fields: Mapping[str, str]) -> dict[str, object]:
    """The dataset that a file is added to; a Problem where the client has none of this identifier."""
    identifier = fields.get("dataset_identifier", "")
    if not identifier or fields.get("add_to_existing", "").lower() not in ("true", "1", "yes", "on"):
        return {}
    with here.reading.begin() as connection:
        for name in ("dataset_uuid", "dataset_name"):
            found, _ = uploads.told_of(connection, asking.name, {name: identifier}, None, 1)
            if found:
                return {"dataset_uuid": found[0].facts.get("dataset_uuid")}
    raise Problem(404, f"Dataset not found: {identifier}")


async def _sent(request: Request, here: Context, asking: Principal, status: int, judge: Judge) -> Response:
    done = await receive_form(request, here, asking, judge, new_word("upload"))
    return JSONResponse(accepted(request, done, "File uploaded and processing initiated"), status)


# --- asked for, and ended ---


@router.get("/api/upload/status/{job_id}", name="scientistcloud_status")
def status(job_id: str, here: Here, asking: Uploader) -> Response:
    """How far an upload is."""
    return JSONResponse(status_of(_owned(here, asking, job_id, "Job not found")))


@router.post("/api/upload/cancel/{job_id}", name="scientistcloud_cancel")
async def cancel(job_id: str, here: Here, asking: Uploader, generation: Deciding) -> Response:
    """Give an upload up."""
    found = await in_thread(_owned, here, asking, job_id, _GONE)
    if found.transfer.state.is_final or not await in_thread(transfers.give_up, desk_of(here), [found], who=asking):
        raise Problem(404, _GONE)
    message = "Upload job cancelled successfully" if generation.is_first else f"Job {job_id} cancelled successfully"
    return JSONResponse({"job_id": job_id, "status": STATUSES[TransferState.CANCELLED], "message": message})


@router.post("/api/upload/cancel", openapi_extra=takes(JSON, job_id="string"))
async def cancel_named(request: Request, here: Here, asking: Uploader, generation: Deciding) -> Response:
    """The same, with the job in the body."""
    fields = await body_of(request)
    return await cancel(str(fields.get("job_id", "")), here, asking, generation)


@router.get("/api/upload/jobs")
def jobs(
    request: Request,
    here: Here,
    asking: Uploader,
    generation: Deciding,
    user_id: str = "",
    status: str = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> Response:
    """The uploads of somebody, by the e-mail address that they told, the latest first."""
    if not user_id:
        is_required = "user_id (user_email) is required" if generation.is_first else "user_id parameter is required"
        raise Problem(400, is_required)
    states = states_of(status) if status else None
    if status and states is None:
        raise generation.refuse(f"Invalid status: {status}")
    with here.reading.begin() as connection:
        found, total = uploads.told_of(connection, asking.name, {"user_email": user_id}, states, limit, offset)
    shown = [listed(request, each) for each in found]
    return JSONResponse({"jobs": shown, "total": total, "limit": limit, "offset": offset})


def _owned(here: Context, asking: Principal, word: str, words: str) -> Upload:
    """An upload of the client; a Problem in the words of the API where there is none."""
    try:
        return owned(here, asking, word)
    except NotFoundError as error:
        raise Problem(404, words) from error


# --- known beforehand ---


@router.post("/api/upload/estimate", openapi_extra=takes(JSON, source_type="string"))
async def estimate(request: Request, _: Uploader, generation: Deciding) -> Response:
    """How long an upload takes as a rule."""
    source = str((await body_of(request)).get("source_type") or "")
    if not source:
        raise Problem(400, "source_type is required")
    if source not in MINUTES:
        raise generation.refuse(f"Invalid source type. Must be one of: {[*MINUTES]}")
    minutes = MINUTES[source]
    answer = {"estimated_time_minutes": minutes, "estimated_time_human": minutes_words(minutes)}
    return JSONResponse({"source_type": source, **answer})


@router.get("/api/upload/estimate-time")
def estimate_time(
    source_type: str, _: Uploader, file_size_mb: Annotated[float, Query(ge=0, allow_inf_nan=False)] = 0.0
) -> Response:
    """The same as the second generation has it."""
    seconds = SECONDS.get(source_type, 300)
    answer = {"estimated_seconds": seconds, "estimated_minutes": seconds / 60, "file_size_mb": file_size_mb}
    return JSONResponse({"source_type": source_type, **answer})


@router.get("/api/upload/supported-sources")
def supported_sources(_: Uploader) -> Response:
    """What uploads may be from, and what must be told of them, with the members of both generations."""
    needed = {
        "local": ["file"],
        "google_drive": ["file_id", "service_account_file"],
        "s3": ["bucket_name", "object_key", "access_key_id", "secret_access_key"],
        "url": ["url"],
    }
    largest = {"local": "16GB", "google_drive": "5TB", "s3": "5TB", "url": "Unlimited"}
    sources = [
        {
            "type": name,
            "name": name.replace("_", " ").title(),
            "description": f"A file from {name.replace('_', ' ')}",
            "requirements": needed[name],
            "optional": ["folder", "team_uuid"],
            "max_size": largest[name],
            "supported_formats": ["*"],
        }
        for name in MINUTES
    ]
    texts = {
        "user_email": "the e-mail address of who uploads",
        "dataset_name": "the name of the dataset",
        "sensor": "one of sensor_types",
        "convert": "whether it is to be converted",
        "is_public": "whether everybody may see it",
    }
    optional = {"folder": "the folder that it belongs to", "team_uuid": "the team that it belongs to"}
    answer = {
        "sources": sources,
        "sensor_types": SENSORS,
        "required_parameters": texts | needed,
        "optional_parameters": optional | {name: ["folder", "team_uuid"] for name in MINUTES},
        "source_types": [*MINUTES],
        "large_file_threshold_mb": CHUNK // _MIB,
    }
    return JSONResponse(answer)


@router.get("/api/upload/limits")
def limits(here: Here, _: Uploader) -> Response:
    """How large an upload may be, and how it is cut into chunks."""
    service = here.mission().service
    most = min(service.most_bytes, MOST)
    answer = {
        "max_file_size_bytes": most,
        "max_file_size_tb": most / _TIB,
        "large_file_threshold_bytes": CHUNK,
        "large_file_threshold_mb": CHUNK // _MIB,
        "chunk_size_bytes": CHUNK,
        "chunk_size_mb": CHUNK // _MIB,
        "resumable_upload_timeout_days": service.upload_expires / dt.timedelta(days=1),
        "supported_source_types": [*MINUTES],
        "temp_directory": "",
    }
    return JSONResponse(answer)


@router.get("/api/upload/health")
def health(here: Here) -> Response:
    """Whether uploads are taken, and whether a run is at work."""
    if (refused := _unhealthy(here)) is not None:
        return refused
    answer = {
        "status": "healthy",
        "processor_status": "stopped" if lock.seen(here.reading) is None else "running",
        "available_tools": {
            name: shutil.which(name) is not None for name in ("rclone", "rsync", "aws", "wget", "curl")
        },
        "timestamp": _now(),
    }
    return JSONResponse(answer)


@router.get("/health")
def health_of_second(here: Here) -> Response:
    """The same as the second generation has it."""
    if (refused := _unhealthy(here)) is not None:
        return refused
    most = min(here.mission().service.most_bytes, MOST)
    answer = {
        "status": "healthy",
        "timestamp": _now(),
        "upload_type": "unified",
        "large_file_threshold_mb": str(CHUNK // _MIB),
        "max_file_size_tb": f"{most / _TIB:g}",
    }
    return JSONResponse(answer)


def _unhealthy(here: Context) -> Response | None:
    """That nothing can be accepted, and why, in words that anybody may read."""
    found = readiness(here.reading, here.writing)
    if found.is_ready:
        return None
    words = "; ".join(f"{each.name}: {each.text}" for each in found.checks if each.verdict is Verdict.FAIL)
    return JSONResponse({"status": "unhealthy", "error": words, "timestamp": _now()}, 503)


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat().replace("+00:00", "Z")
