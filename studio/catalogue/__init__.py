"""Models as data: what each can do and what it costs in credits."""
