"""The command line: ``planloom run``, ``plan``, ``check``, ``show`` and ``functions``.

Each command is a module with ``NAME``, ``HELP``, ``add_arguments`` and ``run``, listed in
``planloom.cli.commands``. This is the one package that may import everything else.
"""

from planloom.cli.application import main

__all__ = ["main"]
