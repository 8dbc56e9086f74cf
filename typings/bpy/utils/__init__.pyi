# SPDX-License-Identifier: GPL-3.0-or-later
from typing import Any

from . import previews as previews

def __getattr__(name: str) -> Any: ...
