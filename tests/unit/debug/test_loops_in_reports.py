"""What a report and the counters say of loops and branches."""

import numpy as np

import jitflow


def captured(x):
    total = 0.0
    for i in range(x.shape[0]):
        total = total + x[i] * 2
    if total > 3:
        total = -total
    return total


def left(x, items):
    for i in range(x.shape[0]):
        items.insert(0, x * i)
    return x + 1


def test_counters_of_captured_loops_and_branches():
    before = jitflow.stats()
    compiled = jitflow.compile(captured)
    x = np.linspace(0, 1, 100)
    assert compiled(x) == captured(x)
    after = jitflow.stats()
    assert after["loops_captured"] - before["loops_captured"] == 1
    assert after["branches_captured"] - before["branches_captured"] == 1
    assert compiled.report().as_dict()["loops"] == []


def test_report_says_why_a_loop_was_not_captured(capsys):
    compiled = jitflow.compile(left)
    with jitflow.config().override(logs=("breaks",)):
        compiled(np.ones(100), [])
    (entry,) = compiled.report().as_dict()["loops"]
    assert entry["line"] == left.__code__.co_firstlineno + 1
    assert "in front of a list" in entry["detail"]
    assert entry["detail"] in str(compiled.report())
    assert entry["detail"] in capsys.readouterr().err
