"""The files of dbprocessing's catalogue: checked, looked at on disk, as rows of dbproc's."""

from __future__ import annotations

import datetime as dt
import os
import re
import stat
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from dbproc.changes.moving_in.findings import Findings, Options, Verify
from dbproc.core.digests import is_unknown, unknown_digest
from dbproc.core.errors import PlacementError, UnsettledError
from dbproc.core.events import Progress
from dbproc.core.filenames import UNFIT, companion_of, compile_format, keywords_text, render
from dbproc.core.model import Member
from dbproc.core.spec import ProductSpec
from dbproc.core.verdicts import FIELD
from dbproc.database.dbprocessing.reading import OldDatabase, OldRow
from dbproc.database.dbprocessing.values import date_of, is_true, text_of, time_of, utc
from dbproc.mission.dbprocessing import OldMission
from dbproc.storage.digest import digest_file, state_of
from dbproc.storage.fingerprint import measure

"""Of a file that is gone, and of which none was recorded: no file has it."""

_SHA1 = re.compile(r"[0-9a-f]{40}")
_PLACE_FIELDS = frozenset({"Y", "m", "d", "b", "y", "j", "DATE", "H", "M", "S", "VERSION"})
_FIELD = re.compile(r"\{([^{}]*)\}")
_AT_ONCE = 1000
_LAST_MOMENT = dt.timedelta(days=1) - dt.timedelta(microseconds=1)
_WHERE = "correct it in the database that is imported, or in a copy of it"

Row = dict[str, Any]


@dataclass(slots=True)
class MovedFiles:
    """Rows of the table of files by number, and of what their companion directories hold; which are not on disk, and
    what was found."""

    rows: dict[int, Row] = field(default_factory=dict)
    members: list[Row] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    problems: Findings = field(default_factory=Findings)
    notes: Findings = field(default_factory=Findings)


def moved_files(old: OldDatabase, found: OldMission, options: Options, progress: Progress | None = None) -> MovedFiles:
    """Every file, looked at as the options say."""
    moved = MovedFiles()
    for row in old["file"]:
        try:
            entered = _row(row, found, moved)
        except (ValueError, TypeError) as error:
            moved.problems.add(f"rows of files with values that cannot be read; {_WHERE}", f"{row.file_id} ({error})")
            continue
        if entered is not None:
            moved.rows[row.file_id] = entered
    _refuse_twins(moved)
    if moved.problems:
        return moved
    recorded = {row.file_id: _create_time(row, moved) for row in old["file"]}
    _look(found, moved, options, recorded, progress)
    _note_newest(old, moved)
    _note_unix_times(old, moved)
    return moved


def _row(row: OldRow, found: OldMission, moved: MovedFiles) -> Row | None:
    name, problems = text_of(row.filename), moved.problems
    product = found.products.get(row.product_id)
    if product is None and row.product_id in found.faulty:
        return None
    if product is None:
        problems.add(f"files of products that there are not; {_WHERE}", f"{name} (product {row.product_id})")
        return None
    if not name or "/" in name or UNFIT.search(name):
        problems.add(f"names that no file may have; {_WHERE}", f"{row.file_id} {name!a}")
        return None
    times = _times(row, moved)
    if times is None:
        return None
    date, start, stop = times
    version = tuple(int(part or 0) for part in (row.interface_version, row.quality_version, row.revision_version))
    if version[0] < 1 or min(version) < 0 or max(version) > 32_767:
        problems.add(f"versions that no file may have; {_WHERE}", f"{name} ({'.'.join(map(str, version))})")
        return None
    digest = text_of(row.shasum).strip().lower()
    if digest and not _SHA1.fullmatch(digest):
        moved.notes.add("digests that are none, and are not kept", name)
        digest = ""
    return {
        "file_id": row.file_id,
        "filename": name,
        "product_id": row.product_id,
        "utc_file_date": date,
        "utc_start_time": utc(start),
        "utc_stop_time": utc(stop),
        "process_keywords": keywords_as_here(_with_word(product, name, text_of(row.process_keywords))),
        **dict(zip(("interface_version", "quality_version", "revision_version"), version, strict=True)),
        "data_level": product.level if row.data_level is None else float(row.data_level),
        "relative_path": place_of(product, date, start, ".".join(map(str, version))),
        "file_size": None,
        "shasum": f"sha1:{digest}" if digest else unknown_digest("sha1"),
        "exists_on_disk": is_true(row.exists_on_disk),
        "verbose_provenance": row.verbose_provenance and str(row.verbose_provenance),
        "quality_comment": row.quality_comment and str(row.quality_comment),
        "caveats": row.caveats and str(row.caveats),
        "check_date": _checked(row, moved),
        "quality_checked": is_true(row.quality_checked),
        "met_start_time": row.met_start_time,
        "met_stop_time": row.met_stop_time,
        "stat": None,
    }


def _with_word(product: ProductSpec, name: str, keywords: str) -> str:
    """The keywords of a file, with its word if it says how good another one is."""
    word = (compile_format(product.format).values(name) or {}).get(FIELD) if product.quality_of else None
    return keywords if word is None else f"{keywords} {FIELD}={word}"


def keywords_as_here(text: str) -> str:
    """Keywords in dbproc's order and spelling; words that are none of the form ``name=value`` stay as they are."""
    words = text.split()
    pairs = dict(word.split("=", 1) for word in words if "=" in word)
    return " ".join([*filter(None, [keywords_text(pairs)]), *(word for word in words if "=" not in word)])


def place_of(product: ProductSpec, date: dt.date, start: dt.datetime, version: str) -> str:
    """The directory of a file: fields that dbprocessing does not fill in there stay as they are."""
    text = _FIELD.sub(lambda each: each[0] if each[1] in _PLACE_FIELDS else f"{{{each[0]}}}", product.directory)
    return render(text, dt.datetime.combine(date, start.time()), version, {})


def _times(row: OldRow, moved: MovedFiles) -> tuple[dt.date, dt.datetime, dt.datetime] | None:
    name = text_of(row.filename)
    try:
        date, start, stop = date_of(row.utc_file_date), time_of(row.utc_start_time), time_of(row.utc_stop_time)
    except ValueError as error:
        moved.problems.add(f"times that are none; {_WHERE}", f"{name} ({error})")
        return None
    if date is None:
        date = None if start is None else start.date()
    if date is None:
        moved.problems.add(f"files of no date; {_WHERE}", name)
        return None
    if None in (start, stop) or row.utc_file_date in (None, ""):
        moved.notes.add("files without a date or a time: those of their day are taken", name)
    start = start or dt.datetime.combine(date, dt.time())
    stop = stop or max(start, dt.datetime.combine(date, dt.time()) + _LAST_MOMENT)
    if start > stop:
        moved.problems.add(f"files that stop before they start; {_WHERE}", f"{name} ({start} to {stop})")
        return None
    return date, start, stop


def _checked(row: OldRow, moved: MovedFiles) -> dt.datetime | None:
    try:
        time = time_of(row.check_date)
    except ValueError:
        moved.notes.add("dates of checks that are none, and are not kept", text_of(row.filename))
        return None
    return None if time is None else utc(time)


def _create_time(row: OldRow, moved: MovedFiles) -> dt.datetime | None:
    try:
        return time_of(row.file_create_date)
    except ValueError:
        moved.notes.add("times of creation that are none, and are not kept", text_of(row.filename))
        return None


def _refuse_twins(moved: MovedFiles) -> None:
    names: dict[str, int] = {}
    versions: dict[tuple[object, ...], str] = {}
    for number, row in moved.rows.items():
        name = row["filename"]
        if names.setdefault(name, number) != number:
            moved.problems.add(
                f"several files have one name, and each has its own here; {_WHERE}", f"{name} ({names[name]}, {number})"
            )
        place = (*_slot_of(row), *_version_of(row))
        if versions.setdefault(place, name) != name:
            moved.problems.add(
                "files of one product, date and keywords have one version, and of these there is one here; give them "
                f"keywords that tell them apart (process_keywords), or another version: {_WHERE}",
                f"{versions[place]} and {name}",
            )


# --- the disk ---


@dataclass(frozen=True, slots=True)
class _Sight:
    """What there is of a file: its size, its state, its time of change, and digests that were taken."""

    size: int
    state: str
    modified: float
    digests: Mapping[str, str]
    members: tuple[Member, ...] = ()
    is_link: bool = False


def _look(
    found: OldMission,
    moved: MovedFiles,
    options: Options,
    recorded: Mapping[int, dt.datetime | None],
    progress: Progress | None,
) -> None:
    done, rows = 0, list(moved.rows.values())
    is_looked_at = options.verify is not Verify.NONE or options.rehash
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            sights: Sequence[_Sight | str | None] = [None] * len(some)
            if is_looked_at:
                look = _looker(found, options)
                sights = list(pool.map(look, some))
            for row, sight in zip(some, sights, strict=True):
                _enter_sight(row, sight, moved, options, is_looked_at=is_looked_at)
                row["file_create_date"] = _created(row, recorded[row["file_id"]], sight, options, moved)
            done += len(some)
            if progress is not None and (options.rehash or options.verify is Verify.SHA1):
                progress(done, len(rows))
    _note_away(moved)


def _note_away(moved: MovedFiles) -> None:
    """Note directories that all files are gone from: what was made from them, or stood there, counts as stale when they
    are back."""
    there = {row["relative_path"] for row in moved.rows.values() if row["exists_on_disk"]}
    for place, count in Counter(map(os.path.dirname, moved.missing)).items():
        if count > 1 and place not in there:
            moved.notes.add("directories that lack all their files: is a disk to be mounted? Import then", place)


def _looker(found: OldMission, options: Options) -> Callable[[Row], _Sight | str | None]:
    root, algorithm = found.mission.root, found.mission.digest

    def look(row: Row) -> _Sight | str | None:
        path = os.path.join(root, row["relative_path"], row["filename"])
        try:
            status = os.stat(path)
            if not stat.S_ISREG(status.st_mode):
                return "it is no regular file"
            is_compared = options.verify is Verify.SHA1 or options.rehash
            wanted = {"sha1"} if is_compared and not is_unknown(row["shasum"]) else set()
            wanted |= {algorithm} if options.rehash or is_unknown(row["shasum"]) else set()
            taken = {each: digest_file(path, each) for each in wanted}
            owns = found.products[row["product_id"]].companion and os.path.isdir(companion_of(path))
            members = measure(path, algorithm, companion=True).members if owns else ()
            after = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, UnsettledError, PlacementError) as error:
            return f"it cannot be read: {getattr(error, 'strerror', None) or error}"
        if state_of(after) != state_of(status):
            return "it was changed while it was read"
        return _Sight(status.st_size, state_of(status), status.st_mtime, taken, members, os.path.islink(path))

    return look


def _enter_sight(
    row: Row, sight: _Sight | str | None, moved: MovedFiles, options: Options, *, is_looked_at: bool
) -> None:
    name = row["filename"]
    if isinstance(sight, str):
        moved.problems.add(
            "files that cannot be looked at; put them right, or import without looking: --verify none",
            f"{os.path.join(row['relative_path'], name)} ({sight})",
        )
        return
    if sight is None:
        if not is_looked_at:
            if row["exists_on_disk"] and is_unknown(row["shasum"]):
                moved.problems.add("files of which no digest is recorded; have them looked at: --verify size", name)
            return
        if row["exists_on_disk"]:
            moved.missing.append(os.path.join(row["relative_path"], name))
        row["exists_on_disk"] = False
        return
    if not row["exists_on_disk"]:
        moved.notes.add("files that were recorded as missing, and are there", name)
    own = sight.digests.get("sha1")
    if own is not None and own != row["shasum"]:
        if not options.rehash:
            moved.problems.add(
                "files whose bytes are not those that were recorded; put the right ones back, or take the present "
                "ones: --rehash",
                name,
            )
        else:
            moved.notes.add("files whose bytes are not those that were recorded: the present ones are", name)
    if sight.is_link:
        moved.notes.add("links in the places of files, which dbproc check complains of", name)
    moved.members += [
        {
            "file_id": row["file_id"],
            "member_path": each.path,
            "member_size": each.size,
            "shasum": each.digest,
            "stat": each.state or None,
        }
        for each in sight.members
    ]
    row["exists_on_disk"] = True
    row["file_size"] = sight.size
    taken = next((digest for each, digest in sight.digests.items() if each != "sha1"), None)
    row["shasum"] = taken or row["shasum"]
    row["stat"] = sight.state if sight.digests else None


def _created(
    row: Row, recorded: dt.datetime | None, sight: _Sight | str | None, options: Options, moved: MovedFiles
) -> dt.datetime:
    """When a file was made: dbprocessing recorded the local time of its machine."""
    if recorded is not None and options.timezone is not None:
        return recorded.replace(tzinfo=options.timezone).astimezone(dt.UTC)
    if isinstance(sight, _Sight):
        return dt.datetime.fromtimestamp(sight.modified, dt.UTC)
    if recorded is not None:
        moved.notes.add(
            "files whose time of creation is taken for UTC, though it was local time; to say of which zone: --timezone",
            "",
        )
        return utc(recorded)
    moved.notes.add("files of which nobody knows when they were made: the end of their data is taken", row["filename"])
    stop: dt.datetime = row["utc_stop_time"]
    return stop


# --- what else was recorded ---


def _note_newest(old: OldDatabase, moved: MovedFiles) -> None:
    if not old.has("file", "newest_version"):
        return
    versions: dict[tuple[object, ...], tuple[int, ...]] = defaultdict(lambda: (0,))
    for entered in moved.rows.values():
        place = _slot_of(entered)
        versions[place] = max(versions[place], _version_of(entered))
    for row in old["file"]:
        mine = moved.rows.get(row.file_id)
        if mine is not None and row.newest_version is not None:
            is_newest = versions[_slot_of(mine)] == _version_of(mine)
            if is_newest != is_true(row.newest_version):
                moved.notes.add(
                    "files of which newest_version says another thing than their versions, which count",
                    mine["filename"],
                )


def _slot_of(row: Row) -> tuple[object, ...]:
    return row["product_id"], row["utc_file_date"], row["process_keywords"]


def _version_of(row: Row) -> tuple[int, ...]:
    return row["interface_version"], row["quality_version"], row["revision_version"]


def _note_unix_times(old: OldDatabase, moved: MovedFiles) -> None:
    for row in old["unixtime"]:
        mine = moved.rows.get(row.file_id)
        if mine is None or None in (row.unix_start, row.unix_stop):
            continue
        known = [int(mine[key].timestamp() // 1) for key in ("utc_start_time", "utc_stop_time")]
        if any(abs(one - int(other)) > 1 for one, other in zip(known, (row.unix_start, row.unix_stop), strict=True)):
            moved.notes.add(
                "files of which unixtime says another thing than their times, which count", mine["filename"]
            )
