"""Calling out over HTTP on behalf of a task, without becoming a way into the network the worker stands in.

`addresses` says which addresses are public, `checked_network` connects to no others, `http_call` makes
one bounded call through it.
"""
