"""How much work a worker lets wait, by simulated time: a service that takes 2 ms a request."""

import random
from collections import Counter, deque
from types import SimpleNamespace

import pytest

from service.settings import Settings
from service.worker import Worker

SERVICE_S = 0.002


@pytest.fixture
def worker():
    """A worker without a process, its places those of the default settings."""
    worker = Worker.__new__(Worker)
    worker.app = SimpleNamespace(settings=Settings())
    worker._line, worker._taken = deque(), Counter()
    return worker


def offer(worker, begin, seconds, load):
    """Requests at random times, `load` times as many as can be answered.

    Returns:
        (when, wait) of each request; the wait is None where it was refused.
    """
    chance = random.Random(1)
    now, free_at, seen, finished = begin, begin, [], deque()
    while (now := now + chance.expovariate(load / SERVICE_S)) < begin + seconds:
        while finished and finished[0] <= now:
            finished.popleft()
            worker._taken["work"] -= 1
        while worker._line and worker._line[0].starts <= now:
            worker._line.popleft()
        conn = SimpleNamespace(kind="work", arrived=now)
        if not worker._has_place(conn):
            seen.append((now - begin, None))
            continue
        worker._taken["work"] += 1
        conn.starts = max(now, free_at)
        free_at = conn.starts + SERVICE_S
        finished.append(free_at)
        seen.append((now - begin, conn.starts - now))
        worker._line.append(conn)
    worker._taken.clear()
    worker._line.clear()
    return seen


def test_twice_too_much_makes_nobody_wait_long(worker):
    """Half is refused, and those that are answered wait for one other at most."""
    seen = [wait for when, wait in offer(worker, 0, 10, load=2) if when > 1]
    waits = sorted(wait for wait in seen if wait is not None)
    assert 0.4 < 1 - len(waits) / len(seen) < 0.6
    assert waits[int(0.99 * len(waits))] <= 2 * SERVICE_S


@pytest.mark.parametrize("load", [0.3, 0.5, 0.7])
def test_after_a_rush_everything_is_answered_again(worker, load):
    """Two seconds after there was too much, a load that can be borne meets no refusal."""
    offer(worker, 0, 1, load=3)
    assert all(wait is not None for when, wait in offer(worker, 1, 30, load) if when > 2)


def test_many_at_once_may_wait(worker):
    """As many as there are places, at the same moment, though one after the other is answered."""
    places = Settings().threads + Settings().queue
    taken = 0
    for _ in range(places + 5):
        conn = SimpleNamespace(kind="work", arrived=1.0)
        if worker._has_place(conn):
            worker._taken["work"] += 1
            worker._line.append(conn)
            taken += 1
    assert taken == places
