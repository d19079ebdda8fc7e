"""News for open pages: one listening connection per process, any number of streams."""
