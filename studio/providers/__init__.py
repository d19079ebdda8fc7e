"""Connections to image providers and the one guarded way to call them."""
