"""Experiments around the lecture: sweeps, speed, and the numbers that the lecturer published."""
