"""The lecture's MLP, its layers, its training and its diagnostics."""
