"""What all simulators share: random streams, event keys, progress."""
