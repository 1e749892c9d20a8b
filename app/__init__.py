"""Wirechamber: one JSON job file in, a trained, measured, registered and exported Keras model out."""
