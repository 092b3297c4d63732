"""SequenceTrainer and the RNN toolkit: cells, dynamic RNNs, losses, metrics, batching, export."""
