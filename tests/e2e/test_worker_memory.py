"""The memory of a worker under load."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
import requests

from tests.e2e.running import LARGE, PATIENCE_S, running, workers

HEAP = 64 * 2**20  # bytes of address space that glibc reserves for a thread's own heap


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="Linux")
def test_all_threads_of_a_worker_share_one_heap():
    """A heap for each thread would keep what that thread has freed: memory would grow for hours."""
    with running(WEB_CONCURRENCY="1") as (process, url):
        with ThreadPoolExecutor(8) as pool:
            for _ in range(20):
                pool.submit(requests.post, f"{url}/predict", data=LARGE, timeout=PATIENCE_S)
        (worker,) = workers(process)
        assert list(reserved(worker)) == []
        assert len(list(Path(f"/proc/{worker}/task").iterdir())) > 4


def reserved(process):
    """Yield the addresses at which glibc has reserved heaps for threads."""
    maps = [line.split() for line in Path(f"/proc/{process}/maps").read_text().splitlines()]
    for used, rest in pairwise(maps):
        begin, middle = (int(address, 16) for address in used[0].split("-"))
        start, end = (int(address, 16) for address in rest[0].split("-"))
        is_heap = (used[1], rest[1]) == ("rw-p", "---p") and middle == start
        if is_heap and begin % HEAP == 0 and end == begin + HEAP:
            yield hex(begin)
