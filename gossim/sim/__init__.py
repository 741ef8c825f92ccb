"""The timing plane: *when* things happen, and which parameter vectors are combined with which weights. No tensors."""
