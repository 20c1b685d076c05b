"""How messages travel: kombu's Redis transport, made to survive what it stumbles over.

`connection` chooses it; `channel` is where everything meets; the other files hold one promise each.
"""
