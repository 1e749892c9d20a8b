"""How fast finished runs predict, beside Runge-Kutta."""
