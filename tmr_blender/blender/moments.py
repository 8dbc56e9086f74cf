# SPDX-License-Identifier: GPL-3.0-or-later
# pyright: reportInvalidTypeForm=false
"""The moments that were found last, as a scene keeps them: its markers, its preview range, the score over time.

They are part of the scene, so that they are saved with it and one undo takes all of them back together. A marker that the
animator has renamed or moved is the animator's from then on.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from bpy.props import BoolProperty, CollectionProperty, FloatProperty, IntProperty, PointerProperty, StringProperty
from numpy.typing import NDArray

from .language import marked, worded
from .scenes import scene_fps

# In a marker's name: Blender gives it 63 bytes, and the score follows.
NAME_BYTES = 50

# From this score on; by how many standard deviations the moment is nearer to the query than to sentences at large: 3, 2, 1.
VERDICTS = ((0.95, marked("clear")), (0.88, marked("likely")), (0.73, marked("possible")), (0.0, marked("faint")))

# What a score is stored as.
_FINEST = 65535


class TMR_PG_moment(bpy.types.PropertyGroup):
    """A span of scene frames, both ends included; `name` is its marker's."""

    start: IntProperty()
    end: IntProperty()
    score: FloatProperty()


class TMR_PG_moments(bpy.types.PropertyGroup):
    """What was found, best first. Rig and action go by name: a reference would keep alive what the animator deletes."""

    query: StringProperty()
    rig: StringProperty()
    action: StringProperty(description="Empty where the rig played NLA strips or constraints alone")
    slot: IntProperty()
    first: IntProperty(description="The frame of the first score")
    step: FloatProperty(description="Frames from one score to the next")
    curve: StringProperty(description="The scores, see `scores`")
    items: CollectionProperty(type=TMR_PG_moment)
    active: IntProperty()
    had_preview: BoolProperty(description="What Clear goes back to")
    preview_start: IntProperty()
    preview_end: IntProperty()


def _typed(asked: "TMR_PG_asked", context: bpy.types.Context) -> None:
    """Enter in the text field searches."""
    if asked.query.strip() and not bpy.app.background and context.window is not None:
        bpy.ops.tmr.find_moments("INVOKE_DEFAULT", query=asked.query)


def _toggled(_asked: "TMR_PG_asked", context: bpy.types.Context) -> None:
    redraw(context)


class TMR_PG_asked(bpy.types.PropertyGroup):
    """What the panel asks with, in this session."""

    query: StringProperty(
        name="Moment",
        description="What happens in the moment you look for, such as: someone kicks. Press Enter to look through the action",
        update=_typed,
        options={"SKIP_SAVE"},
    )
    show_curve: BoolProperty(
        name="Show the Score over Time",
        description="Draw in the timeline, dope sheet, graph and NLA editors how well each time fits the description",
        default=True,
        update=_toggled,
        options={"SKIP_SAVE"},
    )


@dataclass(frozen=True)
class Source:
    """What was looked through. action, slot: empty and 0 where the rig plays strips or constraints alone."""

    rig: str
    action: str
    slot: int
    first: int


def source_of(rig: bpy.types.Object, first: int) -> Source:
    """What the rig plays now."""
    data = rig.animation_data
    action = data.action if data is not None else None
    slot = getattr(data, "action_slot", None) if action is not None else None
    return Source(rig.name, action.name if action is not None else "", slot.handle if slot is not None else 0, first)


def of(scene: bpy.types.Scene) -> TMR_PG_moments:
    """What the scene keeps."""
    return scene.tmr_moments


def asked(context: bpy.types.Context) -> TMR_PG_asked:
    """What the panel asks with."""
    return context.window_manager.tmr_moments


def verdict(score: float) -> str:
    """A score in a word and as a number."""
    score = round(score, 2)
    return f"{worded(next(word for least, word in VERDICTS if score >= least))} ({score:.2f})"


def put(scene: bpy.types.Scene, query: str, source: Source, found: Mapping[str, Any]) -> None:
    """Replace the scene's moments, their markers and the preview range. found: as of `library.moments.Curve`, in seconds."""
    clear(scene)
    kept, fps = of(scene), scene_fps(scene)
    kept.had_preview = scene.use_preview_range
    kept.preview_start, kept.preview_end = scene.frame_preview_start, scene.frame_preview_end
    kept.query, kept.rig, kept.action, kept.slot, kept.first = query, source.rig, source.action, source.slot, source.first
    kept.step = found["step"] * fps
    scores = np.clip(np.array(found["scores"], np.float64), 0.0, 1.0)
    kept.curve = base64.b64encode(np.round(scores * _FINEST).astype("<u2").tobytes()).decode("ascii")
    words = query.encode()[:NAME_BYTES].decode(errors="ignore").strip()
    for moment in found["moments"]:
        item = kept.items.add()
        item.start, item.end = (source.first + round(moment[name] * fps) for name in ("start", "end"))
        item.score = moment["score"]
        item.name = scene.timeline_markers.new(f"{words} {item.score:.2f}", frame=item.start).name
    if kept.items:
        show(scene, 0)


def scores(scene: bpy.types.Scene) -> NDArray[np.float64]:
    """The score (n,), 0..1, at every `step` frames from `first` on; none where the file says nonsense."""
    kept = of(scene)
    try:
        data = base64.b64decode(kept.curve, validate=True)
    except (binascii.Error, ValueError):
        return np.zeros(0)
    return np.frombuffer(data[: len(data) // 2 * 2], "<u2") / _FINEST if kept.step > 0.0 else np.zeros(0)


def show(scene: bpy.types.Scene, index: int) -> None:
    """Make one of the moments the active one, and the preview range."""
    kept = of(scene)
    kept.active = index
    scene.use_preview_range = True
    item = kept.items[index]
    # Either of the two pushes the other one along.
    scene.frame_preview_start, scene.frame_preview_end = item.start, item.end
    scene.frame_preview_start = item.start


def previewed(scene: bpy.types.Scene) -> bool:
    """Whether the preview range is one of ours."""
    now = scene.frame_preview_start, scene.frame_preview_end
    return scene.use_preview_range and any(now == (item.start, item.end) for item in of(scene).items)


def next_to(scene: bpy.types.Scene, forward: bool) -> int:
    """The index of the moment that begins next after the current frame, or before it; around the end of time."""
    starts = [item.start for item in of(scene).items]
    order = sorted(range(len(starts)), key=lambda i: starts[i], reverse=not forward)
    now = scene.frame_current
    return next((i for i in order if (starts[i] > now if forward else starts[i] < now)), order[0])


def at_frame(scene: bpy.types.Scene) -> int:
    """The index of the moment to act on: the active one, unless the current frame is in others only."""
    kept, now = of(scene), scene.frame_current
    inside = [i for i, item in enumerate(kept.items) if item.start <= now <= item.end]
    return kept.active if not inside or kept.active in inside else inside[0]


def clear(scene: bpy.types.Scene) -> None:
    """Take our markers away and put the preview range back, unless the animator has changed it since."""
    kept = of(scene)
    for item in kept.items:
        markers = scene.timeline_markers
        found = next((one for one in markers if one.name == item.name and one.frame == item.start), None)
        if found is not None:
            markers.remove(found)
    if previewed(scene):
        scene.frame_preview_start, scene.frame_preview_end = kept.preview_start, kept.preview_end
        scene.frame_preview_start = kept.preview_start
        scene.use_preview_range = kept.had_preview
    kept.items.clear()
    for name in ("query", "rig", "action", "slot", "first", "step", "curve", "active"):
        kept.property_unset(name)


def redraw(context: bpy.types.Context, kinds: Sequence[str] = ("DOPESHEET_EDITOR", "GRAPH_EDITOR", "NLA_EDITOR")) -> None:
    """Have the editors drawn that show the curve."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in kinds:
                area.tag_redraw()


_CLASSES = (TMR_PG_moment, TMR_PG_moments, TMR_PG_asked)


def register() -> None:
    """Register the classes, hang what is found on scenes and what is asked on the window manager."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.tmr_moments = PointerProperty(type=TMR_PG_moments)
    bpy.types.WindowManager.tmr_moments = PointerProperty(type=TMR_PG_asked, options={"SKIP_SAVE"})


def unregister() -> None:
    """Undo `register`."""
    del bpy.types.WindowManager.tmr_moments
    del bpy.types.Scene.tmr_moments
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
