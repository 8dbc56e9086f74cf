# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from tmr_blender.library import pace


class Clock:
    """A clock that goes on by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(pace.time, "monotonic", lambda: self.now)

    def go(self, meter: pace.Meter, seconds: float, rate: float, done: float = 0.0, step: float = 0.25) -> float:
        """Work at a rate, and ask on the way; how much is done then."""
        for _ in range(round(seconds / step)):
            self.now += step
            done += rate * step
            meter.rate(done)
        return done


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_the_rate_is_that_of_the_last_seconds(clock: Clock) -> None:
    meter = pace.Meter()
    done = clock.go(meter, 60.0, 100.0)
    assert meter.rate(done) == pytest.approx(100.0)
    done = clock.go(meter, 5.0, 10.0, done)
    assert 10.0 < meter.rate(done) < 100.0, "half of the window is of before"
    done = clock.go(meter, 6.0, 10.0, done)
    assert meter.rate(done) == pytest.approx(10.0), "an average since the beginning would say 91"


def test_what_was_there_before_is_no_work_of_this_run(clock: Clock) -> None:
    meter = pace.Meter()
    assert meter.rate(5000.0) == 0.0
    assert clock.go(meter, 4.0, 2.0, 5000.0) == 5008.0
    assert meter.rate(5008.0) == pytest.approx(2.0)


def test_nothing_is_told_before_it_settles(clock: Clock) -> None:
    meter = pace.Meter()
    meter.rate(0.0)
    clock.now += 0.9
    assert meter.rate(50.0) == 0.0
    clock.now += 0.1
    assert meter.rate(50.0) == pytest.approx(50.0)


def test_where_nothing_comes_the_rate_sinks_and_comes_back(clock: Clock) -> None:
    meter = pace.Meter()
    done = clock.go(meter, 20.0, 4.0)
    rates = []
    for _ in range(30):
        clock.now += 1.0
        rates.append(meter.rate(done))
    assert rates == sorted(rates, reverse=True) and 0.0 < rates[-1] < 1.0
    done = clock.go(meter, 15.0, 4.0, done)
    assert meter.rate(done) == pytest.approx(4.0)


def test_few_marks_are_kept_however_often_it_is_asked(clock: Clock) -> None:
    meter = pace.Meter()
    clock.go(meter, 100.0, 1000.0, step=0.001)
    assert len(meter.marks) <= pace.WINDOW_SECONDS / pace.MARK_SECONDS + 3


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0.0, "0 s left"), (66.4, "66 s left"), (89.0, "89 s left"), (720.0, "12 min left"), (5400.0, "1.5 h left")],
)
def test_time_left_in_words(seconds: float | None, words: str) -> None:
    assert pace.time_left(seconds) == words


@pytest.mark.parametrize(("rate", "words"), [(0.0, ""), (0.05, "3/min"), (3.14, "3.1/s"), (41.7, "42/s")])
def test_rates_in_words(rate: float, words: str) -> None:
    assert pace.per_second(rate) == words


def test_a_line_is_shortened_from_its_least_important_part() -> None:
    assert pace.of_files(24, 123, 3.1, 66.0, 2) == [
        "24 of 123 · 66 s left · 3.1/s · 2 unread",
        "24 of 123 · 66 s left · 3.1/s",
        "24 of 123 · 66 s left",
        "24 of 123",
    ]
    assert pace.of_files(0, 123, 0.0, None) == ["0 of 123"]
