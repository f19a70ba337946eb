"""The peers: how each is started, and how a request to it looks.

A peer is a folder here with its pinned requirements and its app. It knows nothing of how it is
measured.
"""

from benchmarks.peers.table import PEERS, Peer, Request

__all__ = ["PEERS", "Peer", "Request"]
