"""The operator table: one record per operator; all else about an operator is derived from it.

Knows dtypes and types; knows neither graphs nor code generation (a record's scalar body is written
over the abstract `emitter.Emitter`).
"""
