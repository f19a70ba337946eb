"""Triton by its Python front end: the image as a BYTES tensor, decoded beside the graph."""

import sys

import numpy as np
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from benchmarks.peers.digits import Graph, decode

graph = Graph()


def classify_image(requests):
    """Classify the image of each request."""
    return [
        {"probabilities": graph.probabilities(decode(request["image"][0]))[0]}
        for request in requests
    ]


def classify_batch(requests):
    """Classify each digit of each request's tensor."""
    return [{"probabilities": graph.probabilities(request["digits"])} for request in requests]


if __name__ == "__main__":
    http_port, grpc_port, metrics_port = (int(port) for port in sys.argv[1:])
    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=http_port,
        grpc_port=grpc_port,
        metrics_port=metrics_port,
        allow_grpc=False,
        allow_metrics=False,
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name="image",
            infer_func=classify_image,
            inputs=[Tensor(name="image", dtype=bytes, shape=(1,))],
            outputs=[Tensor(name="probabilities", dtype=np.float32, shape=(10,))],
            config=ModelConfig(batching=False),
        )
        triton.bind(
            model_name="batch",
            infer_func=classify_batch,
            inputs=[Tensor(name="digits", dtype=np.uint8, shape=(-1, 28, 28))],
            outputs=[Tensor(name="probabilities", dtype=np.float32, shape=(-1, 10))],
            config=ModelConfig(batching=False),
        )
        triton.serve()
