"""The Keras layers of deployed models before and after the networks."""
