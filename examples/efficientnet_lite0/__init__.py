"""EfficientNet-Lite0, trained on ImageNet, as a bundle."""
