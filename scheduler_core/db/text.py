"""Text on its way into PostgreSQL."""


def storable(text: str) -> str:
    """The same text with what PostgreSQL cannot hold replaced: NUL, and surrogates that stand alone."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode("utf-8")
