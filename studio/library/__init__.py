"""Stored pictures: checked, kept byte-identical, shown and handed over."""
