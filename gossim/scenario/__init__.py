"""The scenario: a YAML file as frozen, validated values, and what follows from it."""
