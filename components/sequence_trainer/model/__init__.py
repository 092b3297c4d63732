"""The network, which consists of input encoders, recurrent layers and one head per label."""
