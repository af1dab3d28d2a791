"""Devices: arrays that live on a GPU, the driver, launches, memory; loaded when one is used.

CuPy and cuda-bindings are imported here alone, lazily.
"""
