"""Reading and writing files: replaced whole, CSV columns with their units, YAML 1.2."""
