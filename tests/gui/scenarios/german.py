# SPDX-License-Identifier: GPL-3.0-or-later
"""The tab, the dialog and the menu in German: looked up by Blender as it draws them."""

import time

from ..window import Window
from . import scenario


def speak(language: str) -> list[str]:
    """Blender's interface in a language; what a sentence of ours, a tooltip and an operator's name are called in it."""
    import bpy

    view = bpy.context.preferences.view
    view.language = language
    view.use_translate_interface = view.use_translate_tooltips = view.use_translate_reports = True
    translations = bpy.app.translations
    return [
        translations.pgettext_rpt("{count} motions for “{query}”"),
        translations.pgettext_tip("Choose a folder of motions."),
        translations.pgettext_iface("Apply Motion", "Operator"),
    ]


def spoken_languages() -> list[str]:
    """The languages that this Blender has been built with."""
    import bpy

    return list(bpy.app.translations.locales)


@scenario(61, "The interface in German")
def german(window: Window) -> None:
    known = window.inside(spoken_languages)
    if not any(name.startswith("de") for name in known):
        window.check("this Blender has no languages: its interface stays English", not known, known)
        return
    said = window.inside(speak, "de_DE")
    window.check("a sentence, a tooltip, a name", said[0].startswith("{count} Bewegungen"), said)
    window.check("an operator's name", said[2] == "Bewegung anwenden", said[2])
    window.inside("rigify_human", timeout=120.0)
    window.open_tab()
    window.shot("the tab")
    window.move(*window.middle())
    window.key("ctrl+shift+f")
    time.sleep(1.0)
    window.shot("the dialog")
    window.type("a person does a cartwheel")
    window.key("Return")
    time.sleep(0.5)
    window.key("Return")
    window.wait("results", lambda state: state["hits"] and not state["work"])
    time.sleep(1.5)
    window.scroll_up()
    window.shot("results")
    window.scroll(steps=10)
    window.shot("further below")
    window.move(*window.middle())
    window.key("ctrl+shift+l")
    time.sleep(1.0)
    window.shot("the menu")
    window.key("Escape")
