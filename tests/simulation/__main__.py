"""Starts the command. What it does is in a module of its own, which the processes that it starts can import."""

import sys

from tests.simulation.command import main

if __name__ == "__main__":
    sys.exit(main())
