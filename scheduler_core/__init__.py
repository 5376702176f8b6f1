"""A background job scheduler for what an LLM assistant knows, on PostgreSQL."""

__version__ = "0.1.0"
