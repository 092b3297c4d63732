"""SequenceExampleGen: files of sequences to splits of SequenceExamples."""
