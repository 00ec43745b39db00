from __future__ import annotations

from dbproc.service.limits import _MOST, Pace, Remembered


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_somebody_may_ask_so_often_at_once_and_then_at_the_rate() -> None:
    clock = Clock()
    pace = Pace(2.0, 3, clock)
    assert [pace.take("ada") for _ in range(4)] == [0, 0, 0, 0.5]
    assert (pace.take("ben"), pace.wait("ada"), pace.wait("ben")) == (0, 0.5, 0)
    clock.now = 0.5
    assert [pace.take("ada"), pace.take("ada")] == [0, 0.5]
    clock.now = 100
    assert [pace.take("ada") for _ in range(4)] == [0, 0, 0, 0.5]


def test_of_many_only_those_are_kept_who_have_asked_of_late() -> None:
    clock = Clock()
    pace = Pace(1.0, 2, clock)
    for number in range(_MOST + 5):
        clock.now += 1e-6
        pace.take(str(number))
    assert len(pace._left) == _MOST
    clock.now += 10
    pace.take("one")
    assert len(pace._left) == 1 or pace.take("two") == 0


def test_words_are_remembered_for_a_while_and_the_oldest_forgotten() -> None:
    clock = Clock()
    words = Remembered(2, 10, clock)
    assert [words.add(each) for each in ("a", "b", "a", "c")] == [True, True, False, True]
    assert ("a" in words, "b" in words, "c" in words) == (False, True, True)
    clock.now = 10
    assert "b" not in words
    assert words.add("b")
