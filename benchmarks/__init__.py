"""One module for each figure the README quotes.

    python -m benchmarks.dispatch [--json]     no-op runs a second, beside other schedulers and the limit
    python -m benchmarks.latency               from a force to a running run
    python -m benchmarks.lateness              how late slots start, by jobs, history and nodes
    python -m benchmarks.idle                  what a node costs that has nothing to do
    python -m benchmarks.restart               a killed node taken over, a node stopped under load
    python -m benchmarks.telemetry             what it costs to be watched by metrics
    python -m benchmarks.console               start, keys under load, a scheduler behind a hammered screen
    python -m benchmarks.maintenance           what looking after profiles and memories costs
    python -m benchmarks.quality               how true it is, whatever a model does; needs no database

Each starts a private PostgreSQL in a temporary directory with the product's own settings, so fsync is on,
prints a table, and with `--json` one object instead. The other schedulers come with the extra `benchmarks`.
Nothing here is part of the product, and nothing here asserts a speed.
"""
