"""Train the lecture's CNN and export it as a bundle for the service.

Plain Keras 3: runs on TensorFlow, JAX or PyTorch (`KERAS_BACKEND`). Only `export` needs TensorFlow
and LiteRT, and only `evaluate` needs SciPy and scikit-learn. Of `service`, training imports only
`model.{bundle, distribution, engine, kinds}`, `images`, `inference` and `errors`.
"""
