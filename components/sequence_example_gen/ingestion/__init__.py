"""The Beam pipeline that turns files into splits of SequenceExamples."""
