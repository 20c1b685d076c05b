"""Connections on behalf of a task or an operator's URL, kept out of private networks.

`checked_network` connects only to public addresses and to those that the operator allows, `http_call` makes
one bounded call over it, and `connection_guard` watches libraries that open connections of their own.
"""
