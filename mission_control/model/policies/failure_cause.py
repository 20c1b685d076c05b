"""What failures have in common: their error without what differs from task to task and run to run."""

import re
from typing import Final

_LONGEST: Final = 300
_LOOKED_AT: Final = 2_000
# Kept: the server of a URL, and numbers that say what went wrong. All other numbers, ids and paths vary.
_PARTS: Final = re.compile(
    r"(\bhttps?://[^/\s'\"?#]+)[^\s'\")]*"
    r"|(\b(?:status|answered|code|errno|port|http(?:/[\d.]+)?)[ =:]*\d+)"
    r"|(\burl: )/\S*"
    r"|\b0x[0-9a-f]+|\b(?=[a-f-]*\d)[0-9a-f-]{8,}\b|\d+(?:\.\d+)*",
    re.IGNORECASE,
)


def failure_cause(error: str, task_id: str) -> str:
    """Return a text that is the same for all failures of one outage, be they of many tasks.

    It is a guess by the wording: the server, the kind of error and its code count; paths, ids, other numbers
    and the name of the task do not.

    >>> failure_cause("ConnectError: https://api.example.org/v1/17?x=2 refused, errno 111, try 3", "a")
    'ConnectError: https://api.example.org refused, errno 111, try #'
    >>> failure_cause("tea-7 took 300 s", "tea-7") == failure_cause("milk took 31.5 s", "milk")
    True
    """
    text = " ".join(error[:_LOOKED_AT].split())
    text = re.sub(rf"(?<![\w.-]){re.escape(task_id)}(?![\w.-])", "#", text)
    return _PARTS.sub(lambda found: found[1] or found[2] or (f"{found[3]}#" if found[3] else "#"), text)[
        :_LONGEST
    ]
