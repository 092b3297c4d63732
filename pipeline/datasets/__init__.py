"""Looking at, describing and converting a data set without a pipeline."""
