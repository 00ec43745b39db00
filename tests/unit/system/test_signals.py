"""A signal ends a process in time, whatever it is at: in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dbproc.system.signals import Interrupted, signals_interrupt

HEAD = """
import os, signal, sys, threading, time
from dbproc.system import signals
from dbproc.system.signals import Interrupted, await_ours, keep_time, signals_ignored, signals_interrupt
signals.LONGEST_ENDING = 1.0

def begun():
    print("begun", flush=True)
"""
DEAF = """
import ctypes
with signals_interrupt():
    ctypes.CDLL(None).system(b"echo begun; exec sleep 20 > /dev/null 2>&1")  # which no signal to this process ends
"""
FINISHING = """
try:
    with signals_interrupt():
        with signals_ignored():
            begun()
            while signals.seconds_since() is None:
                time.sleep(0.01)
            keep_time()
            print("finished", flush=True)
        print("went on", flush=True)
except Interrupted as error:
    print("ended by", error)
"""
LONG = """
def work():
    try:
        while True:
            keep_time()
            time.sleep(0.01)
    except Interrupted:
        print("left off", flush=True)

from concurrent.futures import ThreadPoolExecutor
try:
    with signals_interrupt(), ThreadPoolExecutor() as pool:
        future = pool.submit(work)
        begun()
        future.result()
except Interrupted as error:
    print("ended by", error)
"""
LISTENING = (
    """
class Listener:
    def set(self):
        print("told", flush=True)
listener = Listener()
signals.listen(listener)
"""
    + DEAF
)
CHILD_FIRST = """
try:
    with signals_interrupt():
        begun()
        await_ours()
        print("went on", flush=True)
except Interrupted as error:
    print("ended by", error)
"""


def started(script: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HEAD + script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def test_a_process_that_hears_nothing_is_ended_all_the_same() -> None:
    process = started(DEAF)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == (
        "dbproc: ended by SIGTERM; what it was at did not end within 1 s, and the next run puts right what it left\n"
    )


def test_those_who_listen_are_told_while_nothing_else_hears() -> None:
    process = started(LISTENING)
    process.terminate()
    assert process.communicate(timeout=60)[0] == "told\n"


def test_a_signal_that_comes_while_something_is_finished_interrupts_after_it() -> None:
    process = started(FINISHING)
    process.terminate()
    assert process.communicate(timeout=60)[0] == "finished\nended by SIGTERM\n"


def test_what_takes_long_in_another_thread_leaves_off() -> None:
    process = started(LONG)
    process.terminate()
    out, _ = process.communicate(timeout=60)
    assert sorted(out.splitlines()) == ["ended by SIGTERM", "left off"]


def test_a_signal_that_a_child_has_had_a_moment_before_is_waited_for() -> None:
    process = started(CHILD_FIRST)
    time.sleep(0.3)
    process.terminate()
    assert process.communicate(timeout=60)[0] == "ended by SIGTERM\n"
    assert started(CHILD_FIRST).communicate(timeout=60)[0] == "went on\n"


def test_without_descriptors_or_threads_signals_interrupt_as_ever() -> None:
    process = started(
        'def refuse(*_): raise RuntimeError("can\'t start new thread")\nsignals._thread.start_new_thread = refuse\n'
        + FINISHING
    )
    process.terminate()
    assert process.communicate(timeout=60)[0] == "finished\nended by SIGTERM\n"


# --- which are heard ---


@pytest.fixture
def hangup() -> Iterator[None]:
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangup")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_each_interrupts(number: signal.Signals) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with pytest.raises(Interrupted, match=number.name), signals_interrupt():
        os.kill(os.getpid(), number)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL


@pytest.mark.usefixtures("hangup")
def test_one_that_comes_while_handlers_are_put_back_leaves_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
    put, is_sent = signal.signal, False

    def put_late(number: signal.Signals, handler: Any) -> object:
        nonlocal is_sent
        if handler in before and not is_sent:
            is_sent = True
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)  # another thread may have got it
        return put(number, handler)

    monkeypatch.setattr(signal, "signal", put_late)
    with pytest.raises(Interrupted), signals_interrupt():
        pass
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)] == before


@pytest.mark.usefixtures("hangup")
def test_a_closed_terminal_does_not_end_what_was_started_with_nohup() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with signals_interrupt():
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
