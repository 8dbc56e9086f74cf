# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface in other languages: one gettext file for each, `languages/de.po` and so on; a new language is a new file.

A file is named as Blender names the language ("de", "pt_BR", "zh_HANS"). An entry without msgctxt is for Blender's
context "*"; names of operators, and texts given to their buttons, have "Operator". Words that Blender has itself in the
same context it shows in its own translation.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import bpy

FOLDER = Path(__file__).parent / "languages"
SUFFIX = ".po"
KEYWORDS = ("msgctxt", "msgid", "msgstr")

Messages = dict[tuple[str, str], str]
"""Translation by context and English text."""


def read(path: Path) -> Messages:
    """The translated entries of a file. Raises ValueError, with the line, for what is no such entry."""
    found: Messages = {}
    for entry in _entries(path):
        if entry.get("msgid") and entry.get("msgstr"):
            found[entry.get("msgctxt", bpy.app.translations.contexts.default or "*"), entry["msgid"]] = entry["msgstr"]
    return found


def _entries(path: Path) -> Iterator[dict[str, str]]:
    """The strings of each entry by keyword; entries are set apart by empty lines."""
    entry: dict[str, str] = {}
    keyword = ""
    for number, line in enumerate([*path.read_text("utf-8").splitlines(), ""], 1):
        line = line.strip()
        if line.startswith("#"):
            continue
        if not line:
            if entry:
                yield entry
            entry, keyword = {}, ""
            continue
        if not line.startswith('"'):
            keyword, _, line = line.partition(" ")
            if keyword not in KEYWORDS or keyword in entry:
                raise ValueError(f"{path.name}, line {number}: {keyword} is not expected here")
        elif not keyword:
            raise ValueError(f"{path.name}, line {number}: a string without its keyword")
        entry[keyword] = entry.get(keyword, "") + _string(line, f"{path.name}, line {number}")


def _string(quoted: str, where: str) -> str:
    try:
        text = json.loads(quoted)  # its escapes are those that such files use
    except json.JSONDecodeError as error:
        raise ValueError(f"{where}: {quoted} is no string") from error
    if not isinstance(text, str):
        raise ValueError(f"{where}: {quoted} is no string")
    return text


def register() -> None:
    """Hand the languages to Blender."""
    bpy.app.translations.register(__name__, {path.stem: read(path) for path in sorted(FOLDER.glob(f"*{SUFFIX}"))})


def unregister() -> None:
    """Take them back."""
    bpy.app.translations.unregister(__name__)
