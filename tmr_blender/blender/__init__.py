# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that imports bpy: what is registered, in order. Each module registers its own classes."""

from . import (
    command,
    dropping,
    filtering,
    ghost,
    history,
    jobs,
    keys,
    libraries,
    mannequin,
    mapping,
    menu,
    moments,
    ops_apply,
    ops_assets,
    ops_batch,
    ops_drag,
    ops_library,
    ops_mapping,
    ops_moments,
    ops_moving,
    ops_preview,
    ops_search,
    ops_send,
    ops_similar,
    ops_sources,
    ops_spans,
    ops_synthesise,
    ops_tagging,
    panel,
    panel_mapping,
    panel_moments,
    preferences,
    properties,
    sampled,
    score_curve,
    shelf,
    strip,
    summaries,
    textures,
    thumbnails,
    told,
    watching,
)

_MODULES = (
    filtering,
    properties,
    preferences,
    libraries,
    mapping,
    jobs,
    watching,
    summaries,
    history,
    thumbnails,
    ghost,
    ops_preview,
    ops_search,
    ops_apply,
    mannequin,
    ops_assets,
    ops_batch,
    ops_send,
    ops_library,
    ops_tagging,
    ops_moving,
    ops_sources,
    ops_similar,
    ops_spans,
    ops_mapping,
    moments,
    sampled,
    ops_moments,
    score_curve,
    panel,
    textures,
    strip,
    ops_drag,
    shelf,
    dropping,
    panel_mapping,
    panel_moments,
    ops_synthesise,
    told,
    menu,
    command,
    keys,
)


def register() -> None:
    """Make the extension known to Blender."""
    for module in _MODULES:
        module.register()


def unregister() -> None:
    """Leave no class, handler, timer or process behind."""
    for module in reversed(_MODULES):
        module.unregister()
