"""HTTP calls on behalf of a task, kept out of private networks.

`addresses` tells public addresses from others, `checked_network` connects only to public ones, and
`http_call` makes one bounded call over it.
"""
