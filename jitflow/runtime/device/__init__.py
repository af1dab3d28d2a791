"""Devices: arrays that live on a GPU, the driver, launches, memory; loaded when one is used.

CuPy is imported here alone, lazily.
"""
