"""`python -m conneg.cli`: the same as `conneg`."""

from conneg.cli import main

main()
