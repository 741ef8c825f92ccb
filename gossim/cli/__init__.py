"""The command line, one command a file. Each imports what it needs when it runs, so that help comes at once."""
