"""Stand-ins that speak the real wire protocols on loopback, so that everything can be tried without a network."""
