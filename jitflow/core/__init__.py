"""Vocabulary shared by every stage: dtypes, dimensions, types, locations, errors, events, config.

Owns no stage of the compiler and imports none of them.
"""
