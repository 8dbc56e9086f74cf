# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys: none that Blender has, all taken away again, each for an operator that can be called."""

import importlib.util
from pathlib import Path
from typing import Any

import bpy
import parts
import pytest

keys = parts.ours("blender.keys")
menu = parts.ours("blender.menu")

MODIFIERS = ("ctrl", "shift", "alt", "oskey")
MOUSE_AND_ESC = {"WHEELUPMOUSE", "WHEELDOWNMOUSE", "ESC"}
"""Of rows that are passed on unless the pointer is over the strip, or a ghost plays."""


def shipped(name: str) -> Any:
    """A module of Blender's own keymaps."""
    for folder in bpy.utils.script_paths():
        path = Path(folder) / "presets" / "keyconfig" / "keymap_data" / f"{name}.py"
        if path.is_file():
            spec = importlib.util.spec_from_file_location(name, path)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    pytest.skip(f"this Blender has no keymap_data/{name}.py")


def taken(keymaps: list[Any]) -> dict[tuple[str, frozenset[str]], set[str]]:
    """By key and modifiers: the key maps that use them. An item for any modifiers counts for ours.

    Modal maps are left out: they have their keys before any other, and only while an operator of theirs runs.
    """
    found: dict[tuple[str, frozenset[str]], set[str]] = {}
    for name, options, content in keymaps:
        for _, event, *_ in content["items"] if not options.get("modal") else ():
            held = frozenset(modifier for modifier in MODIFIERS if event.get(modifier))
            for modifiers in {held, keys.CTRL_SHIFT} if event.get("any") else {held}:
                found.setdefault((event["type"], modifiers), set()).add(name)
    return found


def defaults() -> list[Any]:
    """The items of Blender's keymap, for every choice that the preferences offer about it."""
    module = shipped("blender_default")
    found: list[Any] = []
    for mouse in ("LEFT", "RIGHT"):
        for space in ("PLAY", "TOOL", "SEARCH"):
            for legacy in (False, True):
                found += module.generate_keymaps(module.Params(select_mouse=mouse, spacebar_action=space, legacy=legacy))
    return found


def industry() -> list[Any]:
    module = shipped("industry_compatible_data")
    return module.generate_keymaps(module.Params())


@pytest.mark.parametrize("source", [defaults, industry])
def test_no_key_is_blenders_in_any_editor_or_mode(source: Any) -> None:
    used = taken(source())
    assert used[("G", frozenset())] if source is defaults else used[("Z", frozenset({"ctrl"}))]
    for key in keys.KEYS:
        if key.press not in MOUSE_AND_ESC | {keys.UNASSIGNED}:
            assert (key.press, key.modifiers) not in used, (key.operator, used[key.press, key.modifiers])


def test_no_two_rows_share_a_key_in_one_map() -> None:
    pressed = [(key.press, key.modifiers, name) for key in keys.KEYS if key.press != keys.UNASSIGNED for name in key.maps]
    assert len(set(pressed)) == len(pressed)


def test_every_row_calls_what_there_is(factory_scene: None) -> None:
    for key in keys.KEYS:
        family, name = key.operator.split(".")
        properties = getattr(getattr(bpy.ops, family), name).get_rna_type().properties
        assert set(key.properties) <= set(properties.keys())
        if key.operator == "wm.call_menu":
            assert issubclass(getattr(bpy.types, key.properties["name"]), bpy.types.Menu)


def ours() -> list[tuple[str, str, str]]:
    maps = bpy.context.window_manager.keyconfigs.addon.keymaps
    return sorted(
        (keymap.name, item.idname, item.to_string()) for keymap in maps for item in keymap.keymap_items if keys._is_ours(item)
    )


def test_items_come_and_go(factory_scene: None) -> None:
    before = ours()
    assert len(before) == sum(len(key.maps) for key in keys.KEYS)
    assert ("3D View Generic", "tmr.search_popup", "Ctrl Shift F") in [
        (a, b, c.replace("Shift Ctrl", "Ctrl Shift")) for a, b, c in before
    ]
    keys.unregister()
    assert ours() == []
    keys.register()
    assert ours() == before


def operators_of(kind: type) -> set[str]:
    """What a menu draws, as far as its entries are operators and menus."""
    drawn: set[str] = set()

    class Recorder:
        """Takes every call of a layout and returns itself."""

        def __getattr__(self, name: str) -> Any:
            if name == "operator":
                return lambda operator, **_: (drawn.add(operator), Recorder())[1]
            if name == "menu":
                return lambda other, **_: drawn.update({other} | operators_of(getattr(bpy.types, other)))
            return lambda *_, **__: Recorder()

    class Drawn:
        layout = Recorder()

    kind.draw(Drawn(), bpy.context)  # type: ignore[attr-defined]
    return drawn


def test_the_menu_reaches_what_an_animator_does(factory_scene: None) -> None:
    shown = bpy.context.window_manager.tmr
    shown.hits.add().name = "a take"
    reached = operators_of(bpy.types.TMR_MT_main)
    shown.hits.clear()
    assert {
        "tmr.search_popup", "tmr.preview", "tmr.next_result", "tmr.previous_result", "tmr.toggle_preview", "tmr.apply",
        "tmr.more_like_this", "tmr.find_similar", "tmr.describe_action", "tmr.synthesise", "tmr.find_moments_popup",
        "tmr.next_moment", "tmr.previous_moment", "tmr.keep_moment", "tmr.clear_moments", "tmr.add_library", "tmr.get_source",
        "tmr.apply_sequence", "tmr.apply_folder", "tmr.export_assets", "tmr.cancel",
    } <= reached  # fmt: skip


def test_stepping_through_results_stops_at_the_ends(factory_scene: None) -> None:
    shown = bpy.context.window_manager.tmr
    shown.hits.clear()
    assert not bpy.ops.tmr.next_result.poll()
    shown.preview = False
    for name in "abc":
        shown.hits.add().name = name
    shown.active = 0
    bpy.ops.tmr.previous_result()
    assert shown.active == 0
    for expected in (1, 2, 2):
        bpy.ops.tmr.next_result()
        assert shown.active == expected
    bpy.ops.tmr.previous_result()
    assert shown.active == 1
    bpy.ops.tmr.toggle_preview()
    assert shown.preview
    bpy.ops.tmr.toggle_preview()
    assert not shown.preview
    shown.hits.clear()


def test_the_dialogs_say_what_is_missing(factory_scene: None) -> None:
    with pytest.raises(RuntimeError, match="Describe a motion first"):
        bpy.ops.tmr.search_popup(query=" ")
    assert not bpy.ops.tmr.find_moments_popup.poll()
    parts.human()
    assert bpy.ops.tmr.find_moments_popup.poll()
    with pytest.raises(RuntimeError, match="Describe the moment first"):
        bpy.ops.tmr.find_moments_popup(query="")
