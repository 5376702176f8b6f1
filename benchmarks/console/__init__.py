"""How fast the console is there, and how it holds out on a large and lively database.

    python -m benchmarks.console start          first paint and live data, beside other terminal programs
    python -m benchmarks.console load           keys, pages, stalls and memory while rows keep changing
    python -m benchmarks.console lateness       a scheduler behind a hammered screen, and without one
    python -m benchmarks.console demo           the demo, from the shell to the rows of its month

Programs run in pseudo-terminals, as people run them. Peers are installed into an environment of
their own each, because they pin other versions of what the console is built with.
"""
