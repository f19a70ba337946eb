"""The exact arithmetic behind one cell of any layer, term by term.

`explain.explain` selects the function for the layer's kind; there is one module per family of
layers. Everything is computed in float64 from the graph's own float32 values of the layer's inputs
and the bundle's weights; no model runs here.
"""
