"""Answers that take long are worked out beside the request, and kept for a while."""

from __future__ import annotations

import threading

import pytest

from dbproc.service.page import kept
from dbproc.service.page.kept import Kept


def test_what_is_quick_is_always_new() -> None:
    answers, asked = iter("ab"), Kept()
    found = [asked.ask("x", lambda: next(answers)) for _ in range(2)]
    assert [each.value for each in found if each is not None] == ["a", "b"]
    assert all(each is not None and each.age == 0 for each in found)


def test_what_takes_long_is_there_later_and_shown_again_with_its_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_PATIENCE", 0.01)
    monkeypatch.setattr(kept, "_QUICK", 0.0)
    monkeypatch.setattr(kept, "_SHARE", 10**6)
    go, count, asked = threading.Event(), list[int](), Kept()

    def work() -> str:
        count.append(1)
        assert go.wait(10)
        return "known"

    assert asked.ask("x", work) is None
    assert asked.ask("x", work) is None  # it is worked out once, however many ask
    go.set()
    monkeypatch.setattr(kept, "_PATIENCE", 10)
    found = asked.ask("x", work)
    assert found is not None
    assert found.value == "known"
    assert asked.ask("x", work) is found
    assert found.age > 0
    assert len(count) == 1
    asked.forget()
    assert asked.ask("x", lambda: "new") is not found


def test_what_goes_wrong_is_raised_to_whoever_asks_and_then_tried_again() -> None:
    asked = Kept()
    with pytest.raises(ValueError, match="no"):
        asked.ask("x", fail)
    found = asked.ask("x", lambda: "good")
    assert found is not None
    assert found.value == "good"


def fail() -> str:
    raise ValueError("no")


def test_what_went_wrong_when_nobody_waited_is_raised_to_the_next_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_PATIENCE", 0.01)
    monkeypatch.setattr(kept, "_QUICK", 0.0)
    monkeypatch.setattr(kept, "_SHARE", 10**6)
    go, never, asked = threading.Event(), threading.Event(), Kept()

    def fail_late() -> str:
        assert go.wait(10)
        return fail()

    assert asked.ask("x", fail_late) is None
    (coming,) = asked._coming.values()
    go.set()
    assert coming.is_ready.wait(10)
    with pytest.raises(ValueError, match="no"):
        asked.ask("x", lambda: never.wait(10))
    never.set()


def test_no_more_is_begun_while_very_many_answers_are_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_PATIENCE", 0)
    monkeypatch.setattr(kept, "_MOST", 2)
    go, asked = threading.Event(), Kept()
    assert [asked.ask(each, lambda: go.wait(10)) for each in range(9)] == [None] * 9
    assert list(asked._coming) == [0, 1]
    go.set()
