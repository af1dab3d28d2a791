"""Facts about inputs that a variant relies on: sources, predicates, checks, explanations.

Knows core alone. The tracer makes guards, the runtime checks them.
"""
