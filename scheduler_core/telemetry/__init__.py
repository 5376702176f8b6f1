"""What other programs may know about a node: numbers for Prometheus, a health answer, spans, webhooks.

All of it is off unless asked for, and none of it tells anything of what the assistants remember of people.
"""
