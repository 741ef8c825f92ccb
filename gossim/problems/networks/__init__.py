"""The networks of built-in models that are more than a sequence of torch's own layers."""
