# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said with numbers and names in it, in the user's language: the sentence is looked up first, then filled in.

Labels and tooltips of classes, and whole sentences in a layout or a report, Blender looks up itself. Sentences of
`TMRError` stay as they are raised, in English: they are made outside Blender, go to terminals and into bug reports.
What is the user's own (names of takes, captions, tags, folders) is never looked up: `translate=False`.
"""

from typing import Any

import bpy


def worded(template: str, **values: Any) -> str:
    """A label of the interface; `template` is as for `str.format` where there are values."""
    text = bpy.app.translations.pgettext_iface(template)
    return text.format(**values) if values else text


def told(template: str, **values: Any) -> str:
    """A report, or a sentence of its length."""
    text = bpy.app.translations.pgettext_rpt(template)
    return text.format(**values) if values else text


def marked(text: str) -> str:
    """The text as it is: a word in a table, which is looked up where it is shown."""
    return text


def plain(error: Exception) -> str:
    """The sentence in what Blender raises for an operator's report: without "Error: ", in the language it is put there in."""
    sentence = str(error).strip().removeprefix("Error: ")
    return sentence.removeprefix(bpy.app.translations.pgettext_rpt("Error") + ": ").strip()
