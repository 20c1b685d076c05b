"""Our Redis transport: kombu's, made safe against crashes, outages and bad messages.

`connection` chooses it, `channel` joins the parts, and each other file keeps one promise.
"""
