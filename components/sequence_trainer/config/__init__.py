"""Settings of the network, its training and its tuning."""
