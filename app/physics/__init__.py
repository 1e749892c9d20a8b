"""Magnetic fields, the equation of motion and its integration, and the detectors."""
