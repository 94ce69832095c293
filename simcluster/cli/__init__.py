"""Command line: what ``simcluster`` does, one file a command group.

Modules import what the command line itself is made of, and a command what it needs when it is called, so that
``--help`` need not wait for all of it.
"""

from simcluster.cli.app import main

__all__ = ["main"]
