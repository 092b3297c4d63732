"""Features found by looking at files whose spec is not known."""
