"""The errors that a call of the client can raise.

ClientError
├── Problem          the service responded with an error
├── UnknownKind      the service explained a layer of a kind that this client does not know
└── Unreachable      there was no response, or not one of a ConvScope service
    └── TimedOut     there was no response within the timeout

Python's own errors pass through: `OSError` for a file that cannot be read, `TypeError` for an
argument that is not an image, `ValueError` for several images where a call takes one.
"""


class ClientError(Exception):
    """Base of the client's own errors."""


class Problem(ClientError):
    """The service responded with an error; `str()` is its detail.

    Attributes:
        type: a URI such as `urn:convscope:problem:nothing-drawn`, which identifies the error.
        title: the type in words.
        status: HTTP status.
        detail: what is wrong with the request, and what to do.
        request_id: identifies the request in the service's log; "" where the response has none.
    """

    def __init__(self, type: str, title: str, status: int, detail: str, request_id: str) -> None:  # noqa: A002 - the RFC's word
        # Exception gets every argument, because pickle calls the class with them.
        super().__init__(type, title, status, detail, request_id)
        self.type = type
        self.title = title
        self.status = status
        self.detail = detail
        self.request_id = request_id

    def __str__(self) -> str:
        return self.detail


class UnknownKind(ClientError):
    """The service explained a layer of a kind that this client does not know."""


class Unreachable(ClientError):
    """There was no response, or not one of a ConvScope service."""


class TimedOut(Unreachable):
    """There was no response within the timeout."""
