"""Keras layers that deployed models are made of, beside the networks themselves."""
