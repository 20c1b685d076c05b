"""The Python that starts our programs."""

import sys
from pathlib import Path


def interpreter() -> str:
    """Return this Python's program; `sys.executable` is another where Python is embedded, as in uWSGI."""
    name = Path(sys.executable).name.lower() if sys.executable else ""
    if name.startswith(("python", "pypy")):
        return sys.executable
    return str(Path(sys.prefix, "bin", f"python{sys.version_info.major}"))
