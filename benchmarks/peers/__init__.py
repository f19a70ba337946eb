"""Define the peers: their commands and their requests.

A peer is a folder with its pinned requirements and its app, independent of the benchmarks.
"""

from benchmarks.peers.table import PEERS, Peer, Request

__all__ = ["PEERS", "Peer", "Request"]
