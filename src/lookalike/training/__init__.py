"""Weights are learned, step by step, in a way that can be broken off and taken up again to the last bit."""
