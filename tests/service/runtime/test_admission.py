"""Which requests a worker accepts, in simulated time with 2 ms per request."""

import random
from collections import deque

import pytest

from service.errors import Overloaded
from service.runtime.admission import Admission
from service.settings import Settings

CALL_S = 0.002
MAX_WAIT_S = 0.24


@pytest.fixture
def admission():
    """The limits of the default settings, after some calls of 2 ms."""
    settings = Settings(max_buffer_bytes=1_000_000, max_body_bytes=500_000)
    admission = Admission(settings)
    for _ in range(200):
        admission.observe(CALL_S)
    return admission


def is_accepted(admission, lane="short"):
    """Return whether one more request is accepted."""
    try:
        admission.enter(lane)
    except Overloaded:
        return False
    return True


def offer(admission, seconds, load):
    """Simulate requests at random times, at `load` times the capacity.

    Returns:
        (arrival, wait) of each request; the wait is None where it was rejected.
    """
    chance = random.Random(1)
    now, free_at, requests, ends = 0.0, 0.0, [], deque()
    while (now := now + chance.expovariate(load / CALL_S)) < seconds:
        while ends and ends[0] <= now:
            ends.popleft()
            admission.leave("short")
        if not is_accepted(admission):
            requests.append((now, None))
            continue
        begins = max(now, free_at)
        free_at = begins + CALL_S
        ends.append(free_at)
        requests.append((now, begins - now))
    for _ in ends:
        admission.leave("short")
    return requests


def test_at_twice_the_capacity_half_is_rejected_and_waiting_is_bounded(admission):
    """Accepted requests use the whole capacity and soon wait at most half of the limit."""
    requests = offer(admission, 10, load=2)
    later = [wait for time, wait in requests if time > 1]
    waits = [wait for wait in later if wait is not None]
    assert max(wait for _, wait in requests if wait is not None) <= MAX_WAIT_S + CALL_S
    assert 0.45 < 1 - len(waits) / len(later) < 0.55
    assert max(waits) <= MAX_WAIT_S / 2 + CALL_S


@pytest.mark.parametrize("load", [0.3, 0.7, 0.9])
def test_after_a_rush_everything_is_accepted_again(admission, load):
    """A load below the capacity meets no rejection, whatever came before."""
    offer(admission, 1, load=3)
    assert all(wait is not None for time, wait in offer(admission, 30, load) if time > 2)


def test_a_burst_within_the_limit_is_accepted(admission):
    """110 requests at once take less than 0.24 s and are no overload."""
    assert all(is_accepted(admission) for _ in range(110))
    assert not all(is_accepted(admission) for _ in range(20))


def test_a_pause_of_the_machine_is_no_overload(admission):
    """After one call that took a second, 40 requests may still wait."""
    admission.observe(1.0)
    assert all(is_accepted(admission) for _ in range(40))


def test_long_requests_are_limited_by_their_number(admission):
    """Four run and sixteen wait; each lane has limits of its own."""
    assert [is_accepted(admission, "long") for _ in range(21)] == [True] * 20 + [False]
    assert admission.load() == (4, 16)
    assert is_accepted(admission, "read")
    assert is_accepted(admission, "short")
    admission.leave("long")
    assert is_accepted(admission, "long")


def test_buffered_bytes_are_limited(admission):
    """Bytes above the limit are rejected and not counted until others are freed."""
    admission.hold(900_000)
    with pytest.raises(Overloaded):
        admission.hold(100_001)
    admission.hold(100_000)
    admission.free(900_000)
    admission.hold(900_000)


def test_a_full_buffer_rejects_only_long_requests_and_pages(admission):
    """Short requests are still accepted."""
    admission.hold(1_000_001, is_forced=True)  # a response, which exists already
    assert is_accepted(admission, "short")
    assert not is_accepted(admission, "long")
    assert not is_accepted(admission, "read")
