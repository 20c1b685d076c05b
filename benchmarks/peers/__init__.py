"""Other task queues on Redis: each module is run by that queue's own command line, in `.venv-peers`.

A queue's command line imports its module and expects to find an application there, so unlike everywhere
else these modules read the environment when they are imported.
"""
