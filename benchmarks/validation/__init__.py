"""The clock against what was measured and published: `make validation`."""
