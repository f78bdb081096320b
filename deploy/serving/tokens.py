"""The token that a server may ask for."""

import hmac


def is_known(token: str, authorization: bytes) -> bool:
    """Returns whether a request's Authorization field holds the token."""
    return hmac.compare_digest(authorization, f"Bearer {token}".encode())
