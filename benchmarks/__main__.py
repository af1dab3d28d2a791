"""Run every benchmark that needs nothing but what is installed."""

from __future__ import annotations

import importlib
import pkgutil

import benchmarks


def main() -> None:
    """Run the ``main`` of each module of this package."""
    for module in sorted(info.name for info in pkgutil.iter_modules(benchmarks.__path__)):
        if module != "__main__":
            loaded = importlib.import_module(f"benchmarks.{module}")
            if hasattr(loaded, "main"):
                print(f"== {module}")
                loaded.main()


if __name__ == "__main__":
    main()
