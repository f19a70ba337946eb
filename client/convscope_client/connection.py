"""Send requests over one connection: retries, timeouts, errors as exceptions. Knows no route."""

from typing import Any, Self, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ReadTimeoutError
from urllib3.util.retry import Retry

from convscope_client.errors import Problem, TimedOut, Unreachable
from convscope_client.images import Body

OVERLOAD_STATUSES = (429, 503)
MAX_WAIT_S = 30.0  # between two attempts, even where Retry-After is longer
BACKOFF_S, JITTER_S = 0.25, 0.25  # the wait doubles from the second retry on


class Connection:
    """A keep-alive connection.

    Args:
        url: address of the service.
        timeout: seconds to wait for a connection, and for each part of the response.
        retries: maximum number of retries.
        api_key: sent as bearer token; None to send none.
        unretried_path: a path whose requests are never retried.
    """

    def __init__(
        self, url: str, timeout: float, retries: int, api_key: str | None, unretried_path: str
    ) -> None:
        self.url = url.rstrip("/")
        self.timeout = timeout
        self._session = requests.Session()
        self._session.headers["Accept"] = "application/json, */*;q=0.5"
        if api_key is not None:
            self._session.auth = _BearerToken(api_key)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=_Retries.with_limit(retries)))
        # requests chooses the adapter with the longest matching prefix
        self._session.mount(self.url + unretried_path, HTTPAdapter(max_retries=0))

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def json(
        self, method: str, path: str, query: dict[str, Any], body: Body | None = None
    ) -> dict[str, Any]:
        """Send a request and return the JSON object of the response; raise what `send` raises."""
        response = self.send(method, path, query, body)
        try:
            return cast(dict[str, Any], response.json())
        except requests.JSONDecodeError as error:
            raise Unreachable(
                f"The response of {response.url} is not JSON; check that a ConvScope service "
                "listens at this address."
            ) from error

    def send(
        self,
        method: str,
        path: str,
        query: dict[str, Any] | None = None,
        body: Body | None = None,
    ) -> requests.Response:
        """Send a request and return the successful response.

        Args:
            method: GET or POST.
            path: relative to `url`.
            query: parameters; those that are None are left out.
            body: one of `images.bodies`.

        Raises:
            Problem: the service responded with an error.
            TimedOut: there was no response within the timeout.
            Unreachable: there was no response.
        """
        try:
            response = self._session.request(
                method, self.url + path, params=query, timeout=self.timeout, **(body or {})
            )
        except requests.RequestException as error:
            raise self._unreachable(error) from error
        if not response.ok:
            raise _problem(response)
        return response

    def _unreachable(self, error: requests.RequestException) -> Unreachable:
        cause = error.args[0] if error.args else error
        # requests reports a stalled body as a connection error
        if isinstance(error, requests.Timeout) or isinstance(cause, ReadTimeoutError):
            return TimedOut(f"{self.url} did not respond within {self.timeout:g} s.")
        return Unreachable(f"No response from {self.url}: {getattr(cause, 'reason', cause)}")


class _BearerToken(requests.auth.AuthBase):
    """Send the key as `auth`, because ~/.netrc overrides a plain Authorization header."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class _Retries(Retry):
    """Retry as urllib3 does, but never after a timeout, and with a limit for Retry-After."""

    @classmethod
    def with_limit(cls, count: int) -> Self:
        """Allow that many retries, of every method, because no request changes the service."""
        return cls(
            total=count,
            allowed_methods=None,
            status_forcelist=OVERLOAD_STATUSES,
            raise_on_status=False,  # the last response holds the problem
            backoff_factor=BACKOFF_S,
            backoff_jitter=JITTER_S,
        )

    def parse_retry_after(self, retry_after: str) -> float:
        # the argument `retry_after_max` exists in recent versions of urllib3 only
        return min(super().parse_retry_after(retry_after), MAX_WAIT_S)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: Any = None,
        error: Exception | None = None,
        *rest: Any,
        **named: Any,
    ) -> Self:
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, *rest, **named)


def _problem(response: requests.Response) -> Problem:
    """Return the problem of an error response, which a proxy may have sent without one."""
    try:
        problem = response.json()
    except requests.JSONDecodeError:
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    status = f"{response.status_code} {response.reason}"
    return Problem(
        type=problem.get("type", "about:blank"),
        title=problem.get("title", response.reason),
        status=response.status_code,
        detail=problem.get("detail", f"{response.url} responded with {status} without a detail."),
        request_id=problem.get("request_id", response.headers.get("X-Request-ID", "")),
    )
