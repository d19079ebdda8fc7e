"""Strict emulators of image providers, spoken to over real loopback HTTP."""
