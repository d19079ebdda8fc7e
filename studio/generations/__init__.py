"""Generations: from a submitted prompt to delivered outputs, crash-safe."""
