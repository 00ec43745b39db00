"""What prepare-data's lists ask for, and its words for what a request for staging is at."""

from __future__ import annotations

import pytest

from dbproc.core import rucio
from dbproc.core.errors import UserError
from dbproc.core.prepare_data import Triple, Wanted, wanted, word_of
from dbproc.core.states import StageState
from dbproc.core.transfers import TransferState

DID, PATH = "testing:a.txt", rucio.path("testing", "a.txt")


@pytest.mark.parametrize(
    ("triple", "path", "directory"),
    [
        ((DID, PATH, "./testing"), PATH, "testing"),
        ((DID, "", "testing/"), PATH, "testing"),
        ((DID, None, ""), PATH, ""),
        ((DID, "a"), PATH, "a"),
        ((DID, "./elsewhere/a.txt", "a//b"), "elsewhere/a.txt", "a/b"),
    ],
)
def test_a_file_is_where_it_is_said_to_be_or_where_rucio_computes(triple: Triple, path: str, directory: str) -> None:
    assert wanted(triple) == Wanted(path, directory)


def test_what_is_no_identifier_or_leads_out_is_refused() -> None:
    for triple in (("a.txt", "", ""), (DID, PATH, "../b"), (DID, PATH, "/b")):
        with pytest.raises(UserError):
            wanted(triple)


@pytest.mark.parametrize(
    ("state", "transfers", "is_put_off", "word"),
    [
        (StageState.WAITING, (), False, "PENDING"),
        (StageState.WAITING, (TransferState.WAITING,), False, "PENDING"),
        (StageState.WAITING, (TransferState.WAITING, TransferState.MOVING), True, "STARTED"),
        (StageState.WAITING, (TransferState.CHECKING,), False, "STARTED"),
        (StageState.WAITING, (TransferState.WAITING,), True, "RETRY"),
        (StageState.PLACED, (TransferState.VERIFIED,), False, "SUCCESS"),
        (StageState.FAILED, (TransferState.FAILED, TransferState.MOVING), False, "FAILURE"),
        (StageState.REMOVED, (TransferState.VERIFIED,), False, "REVOKED"),
    ],
)
def test_a_task_has_the_words_of_celery(
    state: StageState, transfers: tuple[TransferState, ...], is_put_off: bool, word: str
) -> None:
    assert word_of(state, transfers, is_put_off=is_put_off) == word
