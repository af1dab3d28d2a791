"""The Python object model of the tracer: values by meaning, and the rules of each kind.

Owns everything that is not an array: containers, functions, classes, instances, modules, iterators,
Python numbers, built-in functions, effects on objects, and recipes. Knows nothing of bytecode.
"""
