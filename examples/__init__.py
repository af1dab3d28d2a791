"""Example programs, and the demo that compiles and measures them."""
