"""The listener is bound before gunicorn starts, so that an error is one line, at once."""

import socket

import pytest

from service.errors import SettingsError
from service.runtime.server import listen


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_the_service_listens_on_ipv4_and_ipv6(host):
    """A name or an address of either family; connections are accepted."""
    with listen(host, 0) as listener, socket.create_connection((host, listener.getsockname()[1])):
        listener.accept()[0].close()


def test_a_port_in_use_is_named_with_the_remedy():
    """The error states address, port and reason, and what to do."""
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"PORT {port} .*\(Address already in use\).* Set"):
            listen("127.0.0.1", port)
