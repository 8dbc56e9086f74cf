# SPDX-License-Identifier: GPL-3.0-or-later
"""How many threads the networks are held to, whether torch is there, on its way, or not."""

import sys
import types

import pytest

from tmr_blender.tmr import threads


class Torch(types.ModuleType):
    """As much of torch as is asked."""

    def __init__(self, count: int) -> None:
        super().__init__("torch")
        self.count = count

    def get_num_threads(self) -> int:
        return self.count

    def set_num_threads(self, count: int) -> None:
        self.count = count


def test_torch_is_held_to_a_number_inside_and_freed_after(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = Torch(8)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.delenv(threads.THREADS, raising=False)
    with threads.limited(2):
        assert (torch.count, threads.held()) == (2, 2)
    assert (torch.count, threads.held()) == (8, None)


def test_fewer_threads_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = Torch(1)
    monkeypatch.setitem(sys.modules, "torch", torch)
    with threads.limited(2):
        assert torch.count == 1
    assert torch.count == 1


def test_a_torch_that_another_thread_is_still_importing_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    with threads.limited(2):
        assert threads.held() == 2


@pytest.mark.parametrize(("text", "number"), [("3", 3), ("1024", 1024), ("0", None), ("-1", None), ("many", None), ("", None)])
def test_the_environment_is_heard(monkeypatch: pytest.MonkeyPatch, text: str, number: int | None) -> None:
    monkeypatch.setenv(threads.THREADS, text)
    assert threads.chosen(threads.THREADS) == threads.held() == number
    with threads.limited(2):
        assert threads.held() == (1 if number == 1 else 2)
