"""Runs the Beam pipeline that converts files to splits of SequenceExamples."""
