"""`python -m mission_control`: the same as the command `mission-control`."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the working folder, where another user may have put modules

from mission_control.cli import main

if __name__ == "__main__":
    main()
