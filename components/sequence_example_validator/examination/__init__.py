"""The examination of a data set on its own, without a pipeline."""
