"""A database as the public llm-bawt service leaves it, made from what is known of its tables and faults."""
