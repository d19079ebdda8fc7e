"""Mail to whoever can mend a connection, from the failed call in a worker to the mail server."""

import pytest

from studio.providers.adapters.errors import InsufficientFunds, Unauthorised
from tests.crash.conftest import Install
from tests.crash.mailbox import Mailbox
from tests.crash.stage import EMAIL

pytestmark = pytest.mark.crash


@pytest.mark.parametrize(
    ("fault", "message"),
    [("unauthorized", Unauthorised.admin_message), ("payment_required", InsufficientFunds.admin_message)],
)
def test_pause_of_a_connection_is_mailed_once_by_a_worker(
    install: Install, broker: str, fault: str, message: str
) -> None:
    with Mailbox() as mailbox:
        installation = install(broker, EMAIL_URL=mailbox.url, BASE_URL="http://127.0.0.1:8000")
        installation.emulator.set(latency=1)
        installation.emulator.fail(fault, times=3, echo=1)
        browser = installation.open()
        sent = installation.submit(browser, times=3)
        installation.start("scheduler")
        installation.start("worker")
        installation.wait_until_ended(sent)
        installation.wait(lambda: bool(mailbox.letters), "the letter")

    [letter] = mailbox.letters
    assert (letter["to"], letter["subject"]) == (EMAIL, "OpenAI is paused")
    text = letter.get_content()
    [(connection,)] = installation.rows("SELECT id FROM providers_connection WHERE name = 'OpenAI'")
    assert message in text
    assert f"http://127.0.0.1:8000/admin/providers/connection/{connection}/change/" in text
    assert "Key [key], prompt [prompt]" in text
    assert installation.emulator.key not in str(letter)
