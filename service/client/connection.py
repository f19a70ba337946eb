"""One connection to a service: retries, time-outs, errors as exceptions. Knows no route.

urllib3 does the retrying.
"""

from typing import Any, Self, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ReadTimeoutError
from urllib3.util.retry import Retry

from service.client.bodies import Body
from service.client.errors import Problem, TimedOut, Unreachable

BUSY_STATUSES = (429, 503)
LONGEST_WAIT_S = 30.0  # between two tries, whatever Retry-After says
BACKOFF_S, JITTER_S = 0.25, 0.25  # doubles from the second retry on


class Connection:
    """A kept-open connection.

    Args:
        url: where the service is.
        timeout: seconds to wait for a connection, and for the answer to begin or go on.
        retries: how often to ask again.
        api_key: sent as bearer token, where there is one.
        once: a path that is never asked again.
    """

    def __init__(
        self, url: str, timeout: float, retries: int, api_key: str | None, once: str
    ) -> None:
        self.url = url.rstrip("/")
        self.timeout = timeout
        self._session = requests.Session()
        self._session.headers["Accept"] = "application/json, */*;q=0.5"
        if api_key is not None:
            self._session.auth = _Bearer(api_key)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=_Retries.of(retries)))
        # of several prefixes of an address, the longest one's adapter serves it
        self._session.mount(self.url + once, HTTPAdapter(max_retries=0))

    def close(self) -> None:
        """Close it."""
        self._session.close()

    def json(
        self, method: str, path: str, query: dict[str, Any], body: Body | None = None
    ) -> dict[str, Any]:
        """The JSON object in the answer; raises what `send` does."""
        answer = self.send(method, path, query, body)
        try:
            return cast(dict[str, Any], answer.json())
        except requests.JSONDecodeError as error:
            raise Unreachable(f"{answer.url} does not answer as ConvScope does.") from error

    def send(
        self,
        method: str,
        path: str,
        query: dict[str, Any] | None = None,
        body: Body | None = None,
    ) -> requests.Response:
        """The answer, where it is a good one.

        Args:
            method: GET or POST.
            path: from `url` on.
            query: its parameters; those that are None are left out.
            body: as `bodies` makes them.

        Raises:
            Problem: the service answers with an error.
            TimedOut: it takes longer than the time-out.
            Unreachable: it does not answer.
        """
        try:
            answer = self._session.request(
                method, self.url + path, params=query, timeout=self.timeout, **(body or {})
            )
        except requests.RequestException as error:
            raise self._no_answer(error) from error
        if not answer.ok:
            raise _problem(answer)
        return answer

    def _no_answer(self, error: requests.RequestException) -> Unreachable:
        cause = error.args[0] if error.args else error
        # requests calls a body that stalls a connection error
        if isinstance(error, requests.Timeout) or isinstance(cause, ReadTimeoutError):
            return TimedOut(f"{self.url} did not answer within {self.timeout:g} s.")
        return Unreachable(f"No answer from {self.url}: {getattr(cause, 'reason', cause)}")


class _Bearer(requests.auth.AuthBase):
    """Sends the key; as `auth`, since a plain header gives way to the user's ~/.netrc."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class _Retries(Retry):
    """urllib3's retries, but a time-out is final, and no Retry-After waits for ever."""

    @classmethod
    def of(cls, count: int) -> Self:
        """So many; for every method, since nothing that a client asks changes anything."""
        return cls(
            total=count,
            allowed_methods=None,
            status_forcelist=BUSY_STATUSES,
            raise_on_status=False,  # the last answer has the problem
            backoff_factor=BACKOFF_S,
            backoff_jitter=JITTER_S,
        )

    def parse_retry_after(self, retry_after: str) -> float:
        # not its argument `retry_after_max`, which only a recent urllib3 has
        return min(super().parse_retry_after(retry_after), LONGEST_WAIT_S)

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


def _problem(answer: requests.Response) -> Problem:
    """The problem in an answer; one that says as much as there is where a proxy answered."""
    try:
        told = answer.json()
    except requests.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        told = {}
    status = f"{answer.status_code} {answer.reason}"
    return Problem(
        type=told.get("type", "about:blank"),
        title=told.get("title", answer.reason),
        status=answer.status_code,
        detail=told.get("detail", f"{answer.url} answered {status}, and not why."),
        request_id=told.get("request_id", answer.headers.get("X-Request-ID", "")),
    )
