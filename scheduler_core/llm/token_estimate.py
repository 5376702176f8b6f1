"""How many tokens a text may take, without the model's own tokeniser; errs on the high side."""

import re

_PIECES = re.compile(r"[A-Za-z]+|[0-9]|[^\x00-\x7f]+|\s+|.", re.DOTALL)


def estimated_tokens(text: str) -> int:
    """Three letters, a digit, a punctuation mark or a UTF-8 byte outside ASCII make a token."""
    return 1 + sum(map(_piece_tokens, _PIECES.findall(text)))


def _piece_tokens(piece: str) -> int:
    if piece.isascii():
        if piece.isalpha():
            return -(-len(piece) // 3)
        # The space before a word belongs to the word's token.
        return len(piece) // 2 + piece.count("\n") if piece.isspace() else 1
    return len(piece.encode("utf-8", "replace"))
