"""What can go wrong, in the service's own terms. No HTTP here: `api.problems` knows the statuses.

ConvScopeError
├── SettingsError             a setting has a value that cannot be used
├── BundleError               a bundle is missing, altered, or does not compute what it says
└── RequestError              what was asked cannot be answered
    ├── MalformedRequest      the body or a parameter does not follow its format
    ├── ImageNotDecodable     said to be a picture, but damaged or cut short
    ├── UnsupportedFormat     a kind of picture or body that is not taken
    ├── ImageTooLarge         too many bytes or pixels
    ├── BodyTooLarge          more bytes than a request body may have
    ├── BodyTimeout           the request body did not arrive in time
    ├── NothingDrawn          a picture without a digit in it
    ├── WrongShape            an array of another shape than the model's input
    ├── UnknownModel          no such model or version is loaded
    ├── NotAcceptable         no format of the answer that the client takes
    ├── UnknownLayer          the model has no such layer or channel
    ├── Unauthorized          no key, or one that is not known
    ├── DeadlineExceeded      the time that the client gave is over
    ├── Overloaded            more requests, or bytes of them, wait than can be answered soon
    └── Draining              the service is about to stop

Every message is one sentence or two for the client: what was wrong, and what to do.
"""


class ConvScopeError(Exception):
    """Base of everything that this package raises on purpose."""


class SettingsError(ConvScopeError):
    """A setting has a value that cannot be used; names key and value."""


class BundleError(ConvScopeError):
    """A bundle is missing, altered, or does not compute what it says; names the file."""


class RequestError(ConvScopeError):
    """What was asked cannot be answered; the message says what to do instead."""


class MalformedRequest(RequestError):
    """The body or a parameter does not follow its format."""


class ImageNotDecodable(RequestError):
    """The bytes are said to be a picture, but are damaged or cut short."""


class UnsupportedFormat(RequestError):
    """A kind of picture or body that is not taken."""


class ImageTooLarge(RequestError):
    """More bytes or pixels than the limits allow."""


class BodyTooLarge(RequestError):
    """The request body has more bytes than this service takes."""


class BodyTimeout(RequestError):
    """The request body did not arrive in time."""


class NothingDrawn(RequestError):
    """A picture without a digit in it."""


class WrongShape(RequestError):
    """An array of another shape than the model's input."""


class UnknownModel(RequestError):
    """No such model or version is loaded."""


class UnknownLayer(RequestError):
    """The model has no such layer or channel."""


class NotAcceptable(RequestError):
    """No format that the client takes is one that the answer comes in."""


class Unauthorized(RequestError):
    """No key where one is needed, or one that is not known here."""


class DeadlineExceeded(RequestError):
    """The time that the client gave was over before work began."""


class Overloaded(RequestError):
    """More requests, or bytes of them, wait than can be answered soon; retry later."""


class Draining(RequestError):
    """The service is about to stop: ask another replica."""
