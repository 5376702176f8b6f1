"""The database of a public llm-bawt service, read as it is.

`asking` writes into its jobs and `publication` into its summaries; what `adoption` makes has its own schema.
"""
