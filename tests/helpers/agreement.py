"""Compares compiled calls with eager ones by what they print: results, arguments, exceptions."""

import copy

import jitflow


def outcome(function, args):
    """The result, or the type and text of the exception."""
    try:
        return function(*args)
    except Exception as error:
        return type(error), str(error)


def agrees(function, *args, pieces=None, calls=3, also=None, **settings):
    """Compare some calls, each on a copy of the arguments; gives the report.

    `also` makes of result and arguments what has to be equal, too; `pieces` is how many there are,
    without a break.
    """
    compiled = jitflow.compile(function)
    with jitflow.config().override(measure=False, **settings):
        for _ in range(calls):
            one, other = copy.deepcopy(args), copy.deepcopy(args)
            expected, got = outcome(function, one), outcome(compiled, other)
            assert repr((got, other)) == repr((expected, one))
            if also is not None:
                assert also((got, other)) == also((expected, one))
    report = compiled.report()
    if pieces is not None:
        assert (report.pieces, report.breaks) == (pieces, 0), str(report)
    return report
