"""Text on its way into PostgreSQL, and names on their way into a statement."""


def storable(text: str) -> str:
    """The same text with what PostgreSQL cannot hold replaced: NUL, and surrogates that stand alone."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode("utf-8")


def quoted(name: str) -> str:
    """An identifier, such as one that comes from the catalogue, as a statement may hold it."""
    return '"' + name.replace('"', '""') + '"'
