"""What a call of the client can raise.

ConvScopeError
├── Problem          the service answered with an error, and says what to do
└── Unreachable      no answer came, or none that a ConvScope service gives
    └── TimedOut     no answer came in time

Python's own errors stay what they are: `OSError` for a file that cannot be read, `TypeError` for
something that is no image, `ValueError` for several images where a call takes one.
"""


class ConvScopeError(Exception):
    """Base of everything that the client raises on purpose."""


class Problem(ConvScopeError):
    """The service answered with an error; `str()` is its detail.

    Attributes:
        type: a URI such as `urn:convscope:problem:nothing-drawn`, to tell problems apart by.
        title: the type in words.
        status: HTTP status.
        detail: what was wrong with this request, and what to do.
        request_id: finds the request in the service's log; "" where the answer has none.
    """

    def __init__(self, type: str, title: str, status: int, detail: str, request_id: str) -> None:  # noqa: A002 - the RFC's word
        # all of them, so that the error can be pickled across processes
        super().__init__(type, title, status, detail, request_id)
        self.type = type
        self.title = title
        self.status = status
        self.detail = detail
        self.request_id = request_id

    def __str__(self) -> str:
        return self.detail


class Unreachable(ConvScopeError):
    """No answer came, or none that a ConvScope service gives."""


class TimedOut(Unreachable):
    """No answer came in time."""
