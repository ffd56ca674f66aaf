"""What dockstore costs, as ratios taken in one run on one engine: `make bench`, or `python -m bench PART`."""
