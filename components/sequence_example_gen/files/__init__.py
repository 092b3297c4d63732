"""Files: finding, opening, decompressing and writing them."""
