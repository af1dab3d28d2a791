"""The graph: typed SSA values, its text, verifier, interpreter, rewrite rules and passes.

Knows operators and core; knows neither Python frames nor machine code.
"""
