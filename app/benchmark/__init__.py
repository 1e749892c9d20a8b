"""How fast finished runs predict, compared with Runge-Kutta."""
