"""The database of a public llm-bawt service, read as it is. Nothing here makes a table of ours in it."""
