"""Input and output files: finding, opening, decompressing and writing them."""
