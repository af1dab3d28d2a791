"""jitflow: a tracing JIT compiler for eager NumPy programs."""
