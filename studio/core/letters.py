"""Letters that several people get, each one of their own."""

import logging
from collections.abc import Iterable
from smtplib import SMTPException

from django.core.mail import send_mail

logger = logging.getLogger(__name__)


def send_to_each(addresses: Iterable[str], subject: str, body: str) -> None:
    """Send everybody the same; an address that the mail server refuses keeps no other from hearing of it."""
    for address in addresses:
        try:
            send_mail(subject, body, None, [address])
        except SMTPException:
            logger.exception("A letter could not be sent.")
