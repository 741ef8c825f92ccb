"""The numeric plane: executors that carry out a program on a bank of rows."""
