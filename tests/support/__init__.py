"""What several tests need: corpora, records, small pipelines, and programs that tests run in a process of their own."""
