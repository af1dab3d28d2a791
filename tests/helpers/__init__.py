"""What several tests share: an emitter over NumPy arrays, random graphs, exact comparison."""
