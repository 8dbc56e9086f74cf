# SPDX-License-Identifier: GPL-3.0-or-later
# Blender's module describes itself only at run time: to the type checker everything in it is Any.
from typing import Any

def __getattr__(name: str) -> Any: ...
