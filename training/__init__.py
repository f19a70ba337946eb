"""Trains the lecture's CNN and turns it into a bundle that the service can serve.

Plain Keras 3: runs on TensorFlow, JAX or PyTorch (`KERAS_BACKEND`). Only `export` needs TensorFlow.
Imports from `service` only `bundle` and `preprocessing`, never the web application.
"""
