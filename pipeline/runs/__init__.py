"""Running a pipeline on this machine: execution, progress on the terminal, and a summary of the results."""
