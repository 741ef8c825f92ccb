"""`python -m gossim`."""

from .cli.main import main

main()
