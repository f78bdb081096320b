"""The token that a server may ask for."""

import hmac


def is_known(token: str, authorization: bytes) -> bool:
    """Returns whether a request's Authorization field, `Bearer <token>`, holds the token.

    Names of schemes have no case (RFC 9110, 11.1); tokens do.
    """
    scheme, _, given = authorization.partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(given, token.encode())
