"""The network: input encoders, recurrent layers, and a head for each label."""
