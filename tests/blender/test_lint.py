# SPDX-License-Identifier: GPL-3.0-or-later
"""Every operator, property and choice teaches; what can be grey says why; what edits the file can be undone."""

import inspect
from collections.abc import Iterator
from typing import Any

import bpy
import parts
import pytest

LONGEST = 420
"""Characters of a tooltip."""


def classes() -> list[Any]:
    """All of ours that are registered."""
    kinds = [getattr(bpy.types, name, None) for name in dir(bpy.types)]
    operators = [getattr(bpy.types, f"TMR_OT_{name}") for name in dir(bpy.ops.tmr) if not name.startswith("_")]
    ours = [kind for kind in kinds if isinstance(kind, type) and kind.__module__.startswith(parts.MODULE)]
    return list(dict.fromkeys([*ours, *operators]))


def operators() -> list[Any]:
    return [kind for kind in classes() if issubclass(kind, bpy.types.Operator)]


def properties(kind: Any) -> Iterator[tuple[str, Any]]:
    """The properties that people and scripts set, without those of Blender's own mix-ins."""
    rna = getattr(bpy.ops.tmr, kind.bl_idname.split(".")[1]).get_rna_type() if hasattr(kind, "bl_idname") else kind.bl_rna
    own = {
        name
        for base in kind.__mro__
        if base.__module__.startswith(parts.MODULE)
        for name in vars(base).get("__annotations__", {})
    }
    for name, prop in rna.properties.items():
        if name in own and not prop.is_hidden:
            yield f"{kind.__name__}.{name}", prop


def all_properties() -> list[tuple[str, Any]]:
    return [found for kind in operators() for found in properties(kind)]


def test_every_operator_teaches(factory_scene: None) -> None:
    assert len(operators()) > 40
    for kind in operators():
        label, tip = kind.bl_label, kind.bl_description
        assert 30 < len(tip) < LONGEST, kind
        assert tip.strip(". ").lower() != label.lower(), kind
        assert not tip.endswith("."), kind
        assert tip[0].isupper() and label[0].isupper(), kind


def test_every_property_and_choice_teaches(factory_scene: None) -> None:
    found = [
        (name, prop) for name, prop in all_properties() if "INTERNAL" not in getattr(bpy.types, name.split(".")[0]).bl_options
    ]
    assert len(found) > 50
    for name, prop in found:
        assert prop.description, name
        assert not prop.description.endswith("."), name
        assert prop.description.lower() != prop.name.lower(), name
        assert len(prop.description) < LONGEST, name
        for item in prop.enum_items_static if prop.type == "ENUM" else ():
            assert item.description, (name, item.identifier)
            assert not item.description.endswith("."), (name, item.identifier)


def test_what_can_be_grey_says_why(factory_scene: None) -> None:
    grey = [kind for kind in operators() if not getattr(bpy.ops.tmr, kind.bl_idname.split(".")[1]).poll()]
    assert len(grey) > 10
    for kind in grey:
        polls = [
            vars(base)["poll"] for base in kind.__mro__ if "poll" in vars(base) and base.__module__.startswith(parts.MODULE)
        ]
        source = "".join(inspect.getsource(poll.__func__) for poll in polls)
        assert "poll_message_set" in source or kind.bl_idname == "tmr.scroll_strip", kind  # the wheel has no button


EDITS = (
    "apply", "import_clip", "apply_sequence", "apply_to_selected", "apply_each", "apply_folder", "synthesise", "keep_moment",
    "clear_moments", "find_moments", "next_moment", "previous_moment", "show_moment", "list_unread", "mark_asset",
)  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_what_edits_the_file_can_be_undone(factory_scene: None, name: str) -> None:
    options = getattr(bpy.types, f"TMR_OT_{name}").bl_options
    assert options & {"UNDO", "UNDO_GROUPED"}, options


def test_every_operator_can_be_called_without_a_window(factory_scene: None) -> None:
    """Each either isn't possible now, or runs, or says in a sentence what it needs; none fails inside."""
    left_out = {
        "drag_result", "drag_asset", "scroll_strip",  # they follow the pointer
        "watch",  # the window's side of an index
        "get_source", "add_library", "refresh_library",  # they start processes, tested where those are
        "search", "describe_action", "describe_result", "find_similar", "more_like_this", "find_moments", "synthesise",
        "check_library", "clear_history", "export_assets", "send_to_assets", "make_asset_library", "check_installation",
    }  # fmt: skip
    names = [kind.bl_idname.split(".")[1] for kind in operators()]
    called = 0
    for name in names:
        operator = getattr(bpy.ops.tmr, name)
        execute = hasattr(getattr(bpy.types, f"TMR_OT_{name}"), "execute")
        assert execute or name in left_out, name
        if name in left_out or not operator.poll():
            continue
        try:
            operator()
        except RuntimeError as error:
            assert "Traceback" not in str(error), (name, error)
        called += 1
    assert called >= 5
