"""Exceptions of the service. They do not know HTTP: `api.http.problems` maps them to statuses.

ConvScopeError
├── SettingsError             a setting is invalid
├── BundleError               a bundle is missing, altered or inconsistent
└── RequestError              a request cannot be answered
    ├── MalformedRequest      the body or a parameter is malformed
    ├── ImageNotDecodable     the image is damaged or truncated
    ├── UnsupportedFormat     the format of the image or the body is not supported
    ├── ImageTooLarge         the request exceeds a limit on pixels, images or values
    ├── BodyTooLarge          the request body exceeds the limit on bytes
    ├── BodyTimeout           the request body did not arrive in time
    ├── NothingDrawn          there is no digit in the image
    ├── WrongShape            the shape or the values of an array do not fit the model's input
    ├── UnknownModel          there is no such model or version
    ├── ModelUnavailable      the model or version cannot be loaded
    ├── UnknownLayer          the model has no such layer or channel
    ├── NotInBundle           the model's bundle lacks the optional file that the route returns
    ├── NotExplainable        the arithmetic of a layer's values cannot be explained
    ├── NotAcceptable         the route offers no format that the client accepts
    ├── Unauthorized          the API key is missing or unknown
    ├── DeadlineExceeded      the client's deadline passed before work on the request began
    ├── Overloaded            the service is overloaded
    └── Draining              the service is draining before it stops

Every message is one or two sentences for the client: what is wrong, what is allowed, what to do.
"""

OUT_OF_MEMORY = "The service is out of memory; send less at once, or retry later."


class ConvScopeError(Exception):
    """The base class of all exceptions that this package raises."""


class SettingsError(ConvScopeError):
    """A setting is invalid; the message states key and value."""


class BundleError(ConvScopeError):
    """A bundle is missing, altered or inconsistent; the message states the file."""


class RequestError(ConvScopeError):
    """A request cannot be answered; the message says how to correct it."""


class MalformedRequest(RequestError):
    """The body or a parameter is malformed."""


class ImageNotDecodable(RequestError):
    """The image is damaged or truncated."""


class UnsupportedFormat(RequestError):
    """The format of the image or the body is not supported."""


class ImageTooLarge(RequestError):
    """The request exceeds a limit on pixels, images or values."""


class BodyTooLarge(RequestError):
    """The request body exceeds the limit on bytes."""


class BodyTimeout(RequestError):
    """The request body did not arrive in time."""


class NothingDrawn(RequestError):
    """There is no digit in the image."""


class WrongShape(RequestError):
    """The shape or the values of an array do not fit the model's input."""


class UnknownModel(RequestError):
    """There is no such model or version."""


class ModelUnavailable(RequestError):
    """The model or version cannot be loaded."""


class UnknownLayer(RequestError):
    """The model has no such layer or channel."""


class NotInBundle(RequestError):
    """The model's bundle lacks the optional file that the route returns."""


class NotExplainable(RequestError):
    """The arithmetic of the layer's values cannot be explained."""


class NotAcceptable(RequestError):
    """The route offers no format that the client accepts."""


class Unauthorized(RequestError):
    """The API key is missing or unknown."""


class DeadlineExceeded(RequestError):
    """The client's deadline passed before work on the request began."""


class Overloaded(RequestError):
    """The service is overloaded; retry later."""


class Draining(RequestError):
    """The service is draining before it stops; use another replica."""
