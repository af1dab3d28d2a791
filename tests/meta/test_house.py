"""The house style that no linter checks."""

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_LINES = 600


def test_every_test_file_has_a_name_of_its_own():
    """pytest imports them by their names alone."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_no_module_is_too_long():
    lengths = {
        str(path.relative_to(ROOT)): path.read_text().count("\n")
        for path in (ROOT / "jitflow").rglob("*.py")
    }
    assert {name: n for name, n in lengths.items() if n > MOST_LINES} == {}


def test_every_module_says_what_it_owns():
    silent = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "jitflow").rglob("*.py")
        if not path.read_text().startswith(('"""', "#!"))
    ]
    assert silent == []
