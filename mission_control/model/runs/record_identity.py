"""What makes two audit records the same: the run, the attempt, whether it ended the run, and the delivery."""

import re
from typing import Final

_FINAL: Final = re.compile(r"[^:]*:1:(.*)", re.DOTALL)


def record_identity(
    execution_id: str, attempt: int | None, *, is_final: bool, delivery: int | str | None = None
) -> str:
    """Return the identity of an ending's record; two records with one identity count once.

    `delivery` tells apart the claims of an attempt that were cut off. The id of the run stands last, because
    it may be any text.

    >>> record_identity("tea@20260301T090000Z", 2, is_final=True)
    '2:1:tea@20260301T090000Z'
    >>> record_identity("tea@20260301T090000Z", 2, is_final=False, delivery=1)
    '2:0.1:tea@20260301T090000Z'
    """
    kind = str(int(is_final)) if delivery is None else f"{int(is_final)}.{delivery}"
    return f"{0 if attempt is None else attempt}:{kind}:{execution_id}"


def final_run(identity: str) -> str | None:
    """Return the id of the run that a record of this identity ends; None if it ends none.

    >>> final_run("2:1:tea@20260301T090000Z")
    'tea@20260301T090000Z'
    """
    found = _FINAL.fullmatch(identity)
    return None if found is None else found[1]
