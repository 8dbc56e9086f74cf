# SPDX-License-Identifier: GPL-3.0-or-later
"""Every key of the extension in one table; a new key is a new row.

None is taken by Blender in any editor or mode, with either of its keymaps (a test looks at those of the Blender it runs
in). A row without a key is there to be given one in the preferences.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import bpy

UNASSIGNED = "NONE"

Maps = tuple[tuple[str, str], ...]
"""Key maps: name and type of space."""

VIEW: Maps = (("3D View Generic", "VIEW_3D"),)
"""The 3D view in every mode, with its sidebar."""
TIME: Maps = (
    *VIEW,
    ("Dopesheet Generic", "DOPESHEET_EDITOR"),
    ("Graph Editor Generic", "GRAPH_EDITOR"),
    ("NLA Generic", "NLA_EDITOR"),
)


@dataclass(frozen=True)
class Key:
    """One row. press: as in `bpy.types.KeyMapItem.type`; modifiers: any of ctrl, shift, alt."""

    operator: str
    press: str
    modifiers: frozenset[str] = frozenset()
    maps: Maps = VIEW
    properties: Mapping[str, Any] = field(default_factory=dict)


CTRL_SHIFT = frozenset({"ctrl", "shift"})

KEYS = (
    Key("tmr.search_popup", "F", CTRL_SHIFT),
    Key("wm.call_menu", "L", CTRL_SHIFT, TIME, {"name": "TMR_MT_main"}),
    Key("tmr.next_result", "PAGE_DOWN", CTRL_SHIFT),
    Key("tmr.previous_result", "PAGE_UP", CTRL_SHIFT),
    Key("tmr.apply", "RET", CTRL_SHIFT),
    Key("tmr.toggle_preview", "H", CTRL_SHIFT),
    Key("tmr.next_moment", "PERIOD", CTRL_SHIFT, TIME),
    Key("tmr.previous_moment", "COMMA", CTRL_SHIFT, TIME),
    Key("tmr.more_like_this", UNASSIGNED),
    Key("tmr.find_similar", UNASSIGNED),
    Key("tmr.describe_action", UNASSIGNED),
    Key("tmr.keep_moment", UNASSIGNED, maps=TIME),
    # The pointer's, which are passed on where there is no strip below it, and no ghost.
    Key("tmr.scroll_strip", "WHEELUPMOUSE", maps=(("3D View", "VIEW_3D"),), properties={"by": -1}),
    Key("tmr.scroll_strip", "WHEELDOWNMOUSE", maps=(("3D View", "VIEW_3D"),), properties={"by": 1}),
    Key("tmr.end_preview", "ESC"),
)

_items: list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]] = []


def draw(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The keys as the user has them, to be changed, editor by editor."""
    import rna_keymap_ui  # pyright: ignore[reportMissingImports] (a script of Blender's)

    configuration = context.window_manager.keyconfigs.user
    for name in dict.fromkeys(keymap.name for keymap, _ in _items):
        keymap = configuration.keymaps.get(name)
        items = [item for item in keymap.keymap_items if _is_ours(item)] if keymap is not None else []
        if not items:
            continue
        column = layout.column()
        column.label(text=name, text_ctxt="WindowManager")
        for item in items:
            column.context_pointer_set("keymap", keymap)
            rna_keymap_ui.draw_kmi(["ADDON", "USER", "DEFAULT"], configuration, keymap, item, column, 0)


def _is_ours(item: bpy.types.KeyMapItem) -> bool:
    """Whether an item of any key map calls one of our operators or menus."""
    if item.idname in {"wm.call_menu", "wm.call_menu_pie"}:
        return item.properties is not None and str(item.properties.name).startswith("TMR_")
    return item.idname.startswith("tmr.")


def said(operator: str, **properties: Any) -> str:
    """The key of an operator as the user has it, such as "Ctrl Shift F"; "" where it has none."""
    configuration = bpy.context.window_manager.keyconfigs.user
    for keymap, mine in _items:
        users = configuration.keymaps.get(keymap.name) if configuration is not None else None
        for item in users.keymap_items if users is not None and mine.idname == operator else ():
            same = item.idname == operator and all(getattr(item.properties, key) == value for key, value in properties.items())
            if same and item.active and item.type != UNASSIGNED:
                return item.to_string()
    return ""


def register() -> None:
    """Add the keys to those of add-ons."""
    configuration = bpy.context.window_manager.keyconfigs.addon
    if configuration is None:  # in background mode
        return
    for key in KEYS:
        pressed = dict.fromkeys(key.modifiers, True)
        for name, space in key.maps:
            keymap = configuration.keymaps.new(name, space_type=space)
            item = keymap.keymap_items.new(key.operator, key.press, "PRESS", **pressed)
            for name, value in key.properties.items():
                setattr(item.properties, name, value)
            _items.append((keymap, item))


def unregister() -> None:
    """Take them away."""
    for keymap, item in _items:
        keymap.keymap_items.remove(item)
    _items.clear()
