"""From events to batches: options, split, bootstrap, tf.data."""
