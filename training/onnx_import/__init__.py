"""Import an ONNX image classifier as a functional Keras model in channels-last layout."""
