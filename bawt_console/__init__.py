"""The terminal console and command line of the scheduler."""
