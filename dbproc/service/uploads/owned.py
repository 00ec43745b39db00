"""Uploads by their words, for whom they belong to; another's is as if there were none."""

from __future__ import annotations

from dbproc.core.access import Principal
from dbproc.core.errors import NotFoundError
from dbproc.core.uploads import Upload
from dbproc.service.context import Context
from dbproc.transfers.receiving import upload_named


def owned(here: Context, asking: Principal, word: str) -> Upload:
    """The upload of a word.

    Raises
    ------
    NotFoundError
        There is none, or it is another's.
    """
    upload = upload_named(here.reading, word)
    if not asking.owns(upload.owner):
        raise NotFoundError("there is no such upload")
    return upload
