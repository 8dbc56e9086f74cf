# SPDX-License-Identifier: GPL-3.0-or-later
"""What `build.py` is made of: environments, wheels, the extension zip, Blender. Standard library only."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (here, before anything that such a Python can't even import)
    print("build.py needs Python 3.11 or 3.13, as Blender embeds them.", file=sys.stderr)
    sys.exit(2)
