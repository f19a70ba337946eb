"""Serve a CNN over HTTP: predictions for images of digits, and every value inside the network.

Imports point one way:
__main__ → {app, runtime} → api.routes → api.http → state → inference → {model, images} → errors.
Only `app` and `api` import Flask; nothing here imports TensorFlow or `training`.
tests/test_architecture.py holds these rules.
"""
