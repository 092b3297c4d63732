"""Examines a data set without a pipeline, and reports its contents and its anomalies."""
