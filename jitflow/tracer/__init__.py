"""Runs CPython bytecode symbolically: from a compile point and real arguments to a `Trace`.

Knows guards, IR and operators; knows neither code generation nor dispatch.
"""
