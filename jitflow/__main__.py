"""``python -m jitflow COMMAND``."""

from __future__ import annotations

import sys

from jitflow.debug import doctor

USAGE = """usage: python -m jitflow doctor [--json]

  doctor   what this machine can do, and what to install for more; exit status 0 where functions
           can be compiled for the CPU
"""


def main(arguments: list[str]) -> int:
    """Run a command; 2 where there is no such one."""
    if arguments[:1] == ["doctor"] and set(arguments[1:]) <= {"--json"}:
        return doctor.main(arguments[1:])
    print(USAGE, end="", file=sys.stdout if "--help" in arguments else sys.stderr)
    return 0 if "--help" in arguments else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
