"""The GPU back end: Triton source from the loop IR, and its way to an artifact for a device.

Triton itself is imported in `compile` alone, when a kernel is compiled.
"""
