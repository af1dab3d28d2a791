"""Passes: small pure functions from a graph to a graph, as frozen dataclasses with options."""
