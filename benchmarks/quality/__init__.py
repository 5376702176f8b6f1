"""How good the maintenance jobs are on labelled material; nothing here asserts a number."""
