"""Coloured shapes, drawn by code: a residual network whose layers are a graph with branches."""
