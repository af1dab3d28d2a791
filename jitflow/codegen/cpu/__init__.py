"""The CPU back end: LLVM text from loop IR, the engine that compiles it, native entries, BLAS."""
