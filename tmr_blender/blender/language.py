# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said with numbers and names in it, in the user's language: the sentence is looked up first, then filled in.

Whole sentences, labels and tooltips Blender looks up itself.
"""

from typing import Any

import bpy


def worded(template: str, **values: Any) -> str:
    """A label of the interface; `template` is as for `str.format`."""
    return bpy.app.translations.pgettext_iface(template).format(**values)


def told(template: str, **values: Any) -> str:
    """A report, or a sentence of its length."""
    return bpy.app.translations.pgettext_rpt(template).format(**values)
