"""`python -m mission_control`: the same as the command `mission-control`."""

from mission_control.cli import main

if __name__ == "__main__":
    main()
