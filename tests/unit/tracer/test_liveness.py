"""Which variables may still be read, instruction by instruction."""

import sys

from jitflow.tracer.instructions import decode, variables
from jitflow.tracer.liveness import live_slots, looks_at_frames


def live_before(function, name, nth=0):
    """Names of the live slots before the n-th instruction called `name`."""
    code = function.__code__
    places = [i.index for i in decode(code) if i.name.startswith(name)]
    names = variables(code)
    return {names[slot] for slot in live_slots(code)[places[nth]]}


def test_a_variable_is_dead_after_its_last_use():
    def function(a, b):
        c = a * b
        d = c + 1
        return d - b

    assert live_before(function, "BINARY_OP", 0) == {"b"}
    assert live_before(function, "BINARY_OP", 1) == {"b"}
    assert live_before(function, "BINARY_OP", 2) == set()
    assert live_before(function, "STORE_FAST", 0) == {"b"}


def test_a_loop_keeps_what_it_reads_alive():
    def function(xs, scale):
        total = 0
        for x in xs:
            total = total + x * scale
        return total

    assert {"scale", "total"} <= live_before(function, "FOR_ITER")
    assert "xs" not in live_before(function, "FOR_ITER")


def test_a_handler_keeps_what_it_reads_alive():
    def function(f, fallback):
        try:
            result = f()
        except ValueError:
            result = fallback
        return result

    assert "fallback" in live_before(function, "CALL")


def test_cells_are_alive():
    def function(a):
        def inner():
            return a

        return inner

    assert "a" in live_before(function, "RESUME")


def test_a_deleted_variable_is_read():
    def function(a):
        b = a
        print(a)
        del b

    assert "b" in live_before(function, "CALL")


def test_everything_is_alive_where_frames_are_looked_at():
    def function(a, b):
        return locals()

    assert looks_at_frames(function.__code__)
    assert live_before(function, "CALL") == {"a", "b"}


def test_an_attribute_of_that_name_is_no_look_at_frames():
    def function(model, x):
        model.eval()
        return model.locals + x

    assert not looks_at_frames(function.__code__)


def test_vars_of_an_object_is_no_look_at_frames():
    def of_object(thing):
        return vars(thing)

    def of_frame(thing):
        return vars()

    assert not looks_at_frames(of_object.__code__)
    assert looks_at_frames(of_frame.__code__)


def test_function_that_starts_tracing_looks_at_frames():
    def trace_calls(function):
        sys.settrace(print)
        function()
        sys.settrace(None)

    assert looks_at_frames(trace_calls.__code__)


def test_free_variables_are_always_alive():
    """A frame is entered with its cells, whether or not something reads them from there on."""
    scale = 2.0

    def function(x):
        y = x * scale
        return y + 1

    assert live_before(function, "RETURN") == {"scale"}
    assert live_before(function, "STORE_FAST") == {"scale"}
