"""The tutorial found most often: Flask, and Keras's `model.predict` in every request."""

import io
import os

import keras
import numpy as np
from flask import Flask, jsonify, request
from PIL import Image

app = Flask(__name__)
model = keras.models.load_model(os.environ["MODEL"])


@app.get("/healthz")
def healthz():
    """Respond once the model is loaded."""
    return ""


@app.post("/predict")
def predict():
    """Classify one image, or each digit of a NumPy array."""
    if request.content_type == "application/x-npy":
        digits = np.load(io.BytesIO(request.data))
    else:
        image = Image.open(io.BytesIO(request.data)).convert("L").resize((28, 28))
        digits = np.asarray(image)[np.newaxis]
    rows = model.predict(digits[..., np.newaxis] / 255.0, verbose=0)
    return jsonify([{"label": str(row.argmax()), "probabilities": row.tolist()} for row in rows])
