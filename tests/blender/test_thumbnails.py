# SPDX-License-Identifier: GPL-3.0-or-later
import base64
import time
from collections.abc import Iterator

import bpy
import numpy as np
import parts
import pytest

thumbnails, textures, png = parts.ours("blender.thumbnails"), parts.ours("blender.textures"), parts.ours("motion.png")


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    thumbnails.forget()
    yield
    thumbnails.forget()


def image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (112, 112, 3), np.uint8)


def test_an_icon_shows_its_picture_upright() -> None:
    thumbnails._add("one", image())
    preview = thumbnails._previews["one"]
    assert tuple(preview.image_size) == (112, 112)
    pixels = np.empty(112 * 112 * 4, np.float32)
    preview.image_pixels_float.foreach_get(pixels)
    shown = pixels.reshape(112, 112, 4)
    np.testing.assert_allclose(shown[::-1, :, :3] * 255.0, image(), atol=0.6)
    assert (shown[..., 3] == 1.0).all()


def test_icons_are_bounded_and_the_one_used_last_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "KEPT", 4)
    for number in range(4):
        thumbnails._add(str(number), image())
    thumbnails._of("0")
    thumbnails._add("4", image())
    assert set(thumbnails._icons) == set(thumbnails._previews) == {"0", "2", "3", "4"}


def test_a_tick_keeps_to_its_budget() -> None:
    for number in range(200):
        thumbnails._waiting[str(number)] = image()
    start, ticks = time.perf_counter(), 0
    while thumbnails._waiting and ticks < 200:
        begun = time.perf_counter()
        assert thumbnails._make(thumbnails.BUDGET)
        assert time.perf_counter() - begun < 0.05
        ticks += 1
    assert not thumbnails._waiting and len(thumbnails._icons) == 200
    print(f"200 icons in {time.perf_counter() - start:.3f} s, {ticks} ticks")


def test_an_entry_without_a_picture_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    key = ("library", 3)
    monkeypatch.setitem(textures._pictures, key, None)
    thumbnails._waiting["library:3"] = key
    assert not thumbnails._make(1.0)
    assert thumbnails._of("library:3") == 0 and not thumbnails._waiting


def test_a_film_strip_is_asked_for_once_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer:
        kind = "result"
        value = [base64.b64encode(png.encode(image(seed))).decode() for seed in range(4)]

        def poll(self) -> "Answer":
            return self

    asked = []

    class Client:
        def request(self, method: str, params: dict) -> Answer:
            asked.append((method, params))
            return Answer()

    monkeypatch.setattr(thumbnails.jobs, "client", Client)
    span = ("library", 3, 0.5, 1.5)
    thumbnails._selected = (span, time.monotonic() - 1.0)
    while thumbnails._tick() is not None:
        pass
    assert asked == [("strip", {"library": "library", "entry": 3, "start": 0.5, "end": 1.5})]
    assert len(thumbnails._strips[span]) == 4 and set(thumbnails._strips[span]) == set(thumbnails._previews)


def test_without_a_window_nothing_is_asked_for() -> None:
    hit = bpy.context.window_manager.tmr.hits.add()
    hit.library, hit.entry = "library", 9
    assert thumbnails.icon(hit) == 0 and thumbnails.strip(hit) == []
    assert not thumbnails._waiting and thumbnails._selected is None
    assert not bpy.app.timers.is_registered(thumbnails._tick)
    bpy.context.window_manager.tmr.hits.clear()


def test_a_panel_that_is_drawn_meanwhile_does_not_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    hit = bpy.context.window_manager.tmr.hits.add()
    hit.library, hit.entry, hit.end = "library", 9, 1.0
    span = (hit.library, hit.entry, hit.start, hit.end)
    monkeypatch.setattr(thumbnails.bpy, "app", type("App", (), {"background": False, "timers": bpy.app.timers}))
    monkeypatch.setattr(thumbnails, "_soon", lambda: None)
    assert thumbnails.strip(hit) == [] and thumbnails._selected[0] == span
    thumbnails._selected, thumbnails._asked = None, (object(), span)
    assert thumbnails.strip(hit) == [] and thumbnails._selected is None
    bpy.context.window_manager.tmr.hits.clear()
    # The same picture may come a second time all the same.
    thumbnails._add("one", image())
    thumbnails._add("one", image(1))
    assert len(thumbnails._previews) == 1


def test_what_has_changed_on_the_disk_is_forgotten_and_nothing_else() -> None:
    span = ("old", 1, 0.0, 2.0)
    for name in ("old:1", "older:1", f"{span}:0"):
        thumbnails._add(name, image())
    thumbnails._strips[span] = [f"{span}:0"]
    thumbnails._waiting["old:2"] = ("old", 2)
    thumbnails.forget_library("old")
    assert set(thumbnails._icons) == set(thumbnails._previews) == {"older:1"}
    assert not thumbnails._strips and not thumbnails._waiting
