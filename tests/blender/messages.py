# SPDX-License-Identifier: GPL-3.0-or-later
"""Every text that the extension shows and that Blender, or `language`, looks up: by context and English text.

From what is registered (names, tooltips, choices), and from the calls in the source that show a text.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import parts

Message = tuple[str, str]

ANY, OPERATOR = "*", "Operator"
SHOWN_BY = {"label", "prop", "menu", "operator", "operator_menu_enum", "prop_search", "prop_menu_enum", "progress", "popover"}
"""Methods of a layout whose text is looked up."""
LOOKED_UP = {"worded", "told", "marked"}
KEYWORDS = {"text", "title", "heading", "confirm_text", "placeholder"}
KINDS = (bpy.types.PropertyGroup, bpy.types.AddonPreferences)
"""Classes that `bpy.types` doesn't list."""


def collected(package: Path) -> set[Message]:
    """All of it. package: the folder of the installed extension."""
    found = set(_registered())
    for path in sorted((package / "blender").glob("*.py")):
        found.update(_in_source(ast.parse(path.read_text("utf-8"))))
    found.update((ANY, text) for text in _of_tables())
    return {(context, text) for context, text in found if any(letter.isalpha() for letter in text)}


def classes() -> list[Any]:
    kinds = [getattr(bpy.types, name, None) for name in dir(bpy.types)]
    operators = [getattr(bpy.types, f"TMR_OT_{name}") for name in dir(bpy.ops.tmr) if not name.startswith("_")]
    ours = [kind for kind in kinds if isinstance(kind, type) and kind.__module__.startswith(parts.MODULE)]
    unlisted = [kind for base in KINDS for kind in base.__subclasses__() if kind.__module__.startswith(parts.MODULE)]
    return list(dict.fromkeys([*ours, *operators, *unlisted]))


def _registered() -> Iterator[Message]:
    for kind in classes():
        operator = issubclass(kind, bpy.types.Operator)
        if operator or issubclass(kind, (bpy.types.Panel, bpy.types.Menu)):
            yield OPERATOR if operator else ANY, kind.bl_label
        if description := getattr(kind, "bl_description", ""):
            yield ANY, description
        rna = getattr(bpy.ops.tmr, kind.bl_idname.split(".")[1]).get_rna_type() if operator else kind.bl_rna
        yield from _of_properties(rna, _own(kind))
    for owner in (bpy.types.WindowManager, bpy.types.Scene):
        yield from _of_properties(owner.bl_rna, {name for name in owner.bl_rna.properties.keys() if name.startswith("tmr")})  # noqa: SIM118


def _own(kind: Any) -> set[str]:
    bases = [base for base in kind.__mro__ if base.__module__.startswith(parts.MODULE)]
    return {name for base in bases for name in vars(base).get("__annotations__", {})} - {"layout"}


def _of_properties(rna: Any, names: set[str]) -> Iterator[Message]:
    """Names and tooltips; those that nobody sees have neither (Blender names them by their identifiers)."""
    for name, prop in rna.properties.items():
        if name not in names or prop.is_hidden:
            continue
        if prop.name != name:
            yield prop.translation_context, prop.name
        if prop.description:
            yield ANY, prop.description
        for item in prop.enum_items_static if prop.type == "ENUM" else ():
            yield prop.translation_context, item.name
            if item.description:
                yield ANY, item.description


def _in_source(tree: ast.Module) -> Iterator[Message]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in LOOKED_UP or (name == "poll_message_set" and len(node.args) > 1):
            yield from ((ANY, text) for text in _texts(node.args[-1] if name == "poll_message_set" else node.args[0], tree))
        elif name in ("report", "text") and len(node.args) > 1:
            yield from ((ANY, text) for text in _texts(node.args[1], tree))
        elif name in SHOWN_BY or name.startswith("invoke_"):
            context = OPERATOR if name == "operator" else ANY
            untranslated = any(key.arg == "translate" for key in node.keywords)
            for key in node.keywords:
                if key.arg in KEYWORDS and not untranslated:
                    yield from ((context, text) for text in _texts(key.value, tree))


def _texts(node: ast.expr, tree: ast.Module) -> Iterator[str]:
    """The literals that an expression can be: itself, the branches of a condition, or those given to a variable of the file."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body, tree)
        yield from _texts(node.orelse, tree)
    elif isinstance(node, ast.Name):
        for other in ast.walk(tree):
            if not isinstance(other, ast.Assign) or isinstance(other.value, ast.Name):
                continue
            if any(isinstance(target, ast.Name) and target.id == node.id for target in other.targets):
                yield from _texts(other.value, tree)


def _of_tables() -> Iterator[str]:
    """Words that are put together, or come from outside the part that Blender runs."""
    editing, filters = parts.ours("retarget.editing"), parts.ours("library.filters")
    for row in filters.FILTERS:
        yield row.name.capitalize()
        if row.kind == "range":
            yield row.help.rpartition(", ")[2]
    yield from editing.PARTS.values()
    yield from editing.groups(parts.ours("retarget.roles").RigMap("", 0.0, {}, ""))
