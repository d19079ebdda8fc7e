"""What the log leaves out."""

import logging


class VisitorsFaults(logging.Filter):
    """Drops the traceback where Django refused a request: one line says it all, and anybody can send many of those."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record; shorten those."""
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = record.exc_text = None
        return True
