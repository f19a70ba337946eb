"""Mutated, truncated and spliced bodies of every form, and headers that lie about them."""

import random
import re
from collections.abc import Callable
from urllib.parse import quote

from torture.row import Figure, Row
from torture.seeds import Seed, seeds
from torture.target import target

BODIES = 21_000
_SEED = 8
_GROWTH = 1.10
_PEAK_MIB = 512  # the largest image that is allowed takes 200 MiB as RGB with transparency
_NUMBERS = (b"\0", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0")
_TEXTS = (b"-1", b"1e999", b"NaN", b"null", b"[]", b"{", b'"', b"\\u0000", b"9" * 400, b"\r\n--a")
_LENGTH = "Inference-Header-Content-Length"

Mutation = Callable[[random.Random, bytes, list[Seed]], bytes]


def run(share: float) -> list[Figure]:
    """Send the bodies one after the other."""
    rng = random.Random(_SEED)
    every = seeds()
    count = int(BODIES * share)
    statuses: dict[int, int] = {}
    with target() as tested:
        for seed in every:
            status, _ = tested.post(seed.path, seed.body, seed.headers)
            if status != 200:
                tested.note(f"the unchanged {seed.name} got {status}")
        half = tested.memory_mib()
        for index in range(count):
            seed = every[index % len(every)]
            status, _ = tested.post(_path(rng, seed), *mutated(rng, seed, every))
            statuses[status // 100] = statuses.get(status // 100, 0) + 1
            if index == count // 2:  # each worker has loaded every model and decoder by then
                half = tested.memory_mib()
        growth, peak = tested.memory_mib() / half, tested.peak_mib()
    return [
        Figure("bodies", count),
        Figure("answered with 200", statuses.get(2, 0)),
        Figure("refused with 4xx", statuses.get(4, 0)),
        Figure(
            "faults (5xx, no response, dead workers, errors of another form)",
            sum(tested.faults.values()),
            0,
        ),
        *(Figure(f"of these: {fault}", number) for fault, number in tested.faults.items()),
        Figure("memory of the workers at the end ÷ after half of the bodies", growth, _GROWTH),
        Figure("largest memory that a worker has had, MiB", peak, _PEAK_MIB),
    ]


def mutated(rng: random.Random, seed: Seed, every: list[Seed]) -> tuple[bytes, dict[str, str]]:
    """Return a body with one to eight changes, and its headers, of which some lie."""
    body = seed.body
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        body = rng.choice(_MUTATIONS)(rng, body, every)
    headers = dict(seed.headers)
    if _LENGTH in headers and rng.random() < 0.3:
        headers[_LENGTH] = rng.choice(("0", "-1", "99999999", "x", "", str(rng.randrange(900))))
    if seed.path.startswith(("/v1/", "/v2/")) and rng.random() < 0.1:
        headers["Content-Encoding"] = rng.choice(("gzip", "deflate", "br", "identity", ""))
    if rng.random() < 0.05:
        headers["Content-Type"] = rng.choice(every).headers.get("Content-Type", "image/png")
    return body, headers


def _path(rng: random.Random, seed: Seed) -> str:
    """Return the seed's path, at times with one value of its query replaced."""
    values = list(re.finditer("(?<==)[^&]+", seed.path))
    if not values or rng.random() < 0.8:
        return seed.path
    value = rng.choice(values)
    return seed.path[: value.start()] + quote(rng.choice(_TEXTS)) + seed.path[value.end() :]


def _flip(rng: random.Random, body: bytes, _: list[Seed]) -> bytes:
    if not body:
        return body
    place = rng.randrange(len(body))
    return body[:place] + bytes([body[place] ^ 1 << rng.randrange(8)]) + body[place + 1 :]


def _cut(rng: random.Random, body: bytes, _: list[Seed]) -> bytes:
    return body[: rng.randrange(len(body) + 1)]


def _remove(rng: random.Random, body: bytes, _: list[Seed]) -> bytes:
    first = rng.randrange(len(body) + 1)
    return body[:first] + body[first + rng.randrange(64) :]


def _repeat(rng: random.Random, body: bytes, _: list[Seed]) -> bytes:
    first = rng.randrange(len(body) + 1)
    return (
        body[:first] + body[first : first + rng.randrange(200)] * rng.randrange(30) + body[first:]
    )


def _write(rng: random.Random, body: bytes, _: list[Seed]) -> bytes:
    written, place = rng.choice((*_NUMBERS, *_TEXTS)), rng.randrange(len(body) + 1)
    return body[:place] + written + body[place + len(written) * rng.randrange(2) :]


def _splice(rng: random.Random, body: bytes, every: list[Seed]) -> bytes:
    other = rng.choice(every).body
    return body[: rng.randrange(len(body) + 1)] + other[rng.randrange(len(other)) :]


_MUTATIONS: tuple[Mutation, ...] = (_flip, _flip, _cut, _remove, _repeat, _write, _write, _splice)

ROW = Row("Whatever the body is, the answer is a result or an error that says what is wrong.", run)
