"""The product's promises as figures: `python -m tests.bench`, run by `make bench`."""
