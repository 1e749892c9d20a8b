import numpy as np

from app.physics.straight_line import straight_line


def test_positions_follow_the_slopes_for_numpy_and_tensors():
    from app.physics.arrays import tensorflow

    state, dz = np.array([[1.0, 2.0, 0.5, -0.25], [0.0, 0.0, 1.0, 1.0]]), np.array([100.0, -10.0])
    expected = [[51.0, -23.0, 0.5, -0.25], [-10.0, -10.0, 1.0, 1.0]]
    assert straight_line(state, dz).tolist() == expected
    assert straight_line(tensorflow().constant(state), dz).numpy().tolist() == expected
