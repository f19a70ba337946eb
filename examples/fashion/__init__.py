"""Fashion-MNIST: a small convolutional network that classifies photographs of clothes."""
