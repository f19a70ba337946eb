"""An image of a digit, prepared as MNIST prepared its own; entered at `preprocessing`."""
