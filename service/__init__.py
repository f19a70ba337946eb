"""Serves a bundle over HTTP: what digit a picture shows, and every value that led there.

Imports point one way:
app → api → models → trace, occlusion, engine → bundle, images, preprocessing → errors.
Flask is known only to `app` and `api`; TensorFlow and `training` to nobody here.
"""
