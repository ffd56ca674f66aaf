"""Stopping early: asked by anybody, from any thread, and by the two signals."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from dockstore.runner.halt import Halt, signals


def test_time_that_has_run_out_is_nobodys_asking() -> None:
    whole = Halt()
    one = whole.limited(None)

    one.run_out("the history cannot be written: no space left on device")

    assert (one.asked, one.timed_out, one.interrupted, whole.asked) == (True, True, False, False)
    assert one.reason == "the history cannot be written: no space left on device"


def test_nobody_asks_at_first() -> None:
    halt = Halt()

    assert not halt.asked
    assert halt.reason is None
    assert not halt.wait(0.001)


def test_the_first_reason_stays() -> None:
    halt = Halt()

    halt.ask("first")
    halt.ask("second")

    assert halt.reason == "first"


def test_a_wait_ends_when_another_thread_asks() -> None:
    halt = Halt()
    thread = threading.Thread(target=lambda: halt.ask("enough"))

    thread.start()

    assert halt.wait(30)
    thread.join()


def test_a_limit_asks_in_its_own_name_and_only_below_itself() -> None:
    halt = Halt()
    limited = halt.limited(0.0)

    assert limited.asked
    assert limited.reason == "time limit of 0 s"
    assert not limited.interrupted
    assert not halt.asked


def test_without_a_limit_only_the_one_above_asks() -> None:
    halt = Halt()
    below = halt.limited(None)

    halt.ask("interrupted (SIGINT)", signal_number=signal.SIGINT)

    assert below.asked
    assert below.interrupted
    assert below.reason == "interrupted (SIGINT)"
    assert below.signal_number == signal.SIGINT


def test_to_leave_at_once_reaches_everybody_below() -> None:
    halt = Halt()
    below = halt.limited(100)

    halt.ask_at_once("interrupted twice (SIGINT)")

    assert below.at_once
    assert below.wait(30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "TERM"])
def test_a_signal_asks_and_the_handler_that_was_there_comes_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    halt = Halt()

    with signals(halt):
        os.kill(os.getpid(), number)

        assert halt.wait(30)
        assert halt.signal_number == number
        assert halt.reason == f"interrupted ({number.name})"
        assert not halt.at_once
    assert signal.getsignal(number) is before


def test_a_second_signal_leaves_at_once() -> None:
    halt = Halt()

    def twice() -> None:
        with signals(halt):
            os.kill(os.getpid(), signal.SIGINT)
            halt.wait(30)
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(30)

    with pytest.raises(KeyboardInterrupt):
        twice()

    assert halt.at_once


def test_in_another_thread_no_handler_is_touched() -> None:
    before = signal.getsignal(signal.SIGINT)
    during: list[object] = []

    def there() -> None:
        with signals(Halt()):
            during.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=there)
    thread.start()
    thread.join()

    assert during == [before]
