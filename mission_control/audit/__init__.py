"""The permanent record: append-only JSONL files of what ran and what was changed.

Build a record (`ExecutionRecord`, `ChangeRecord`), append it (`AuditLog`), read it back (`tail`,
`read_all`, `follow`).
"""

from mission_control.audit.chain import GENESIS, ChainHead, line_digest
from mission_control.audit.difference import difference
from mission_control.audit.follow import Follower, follow
from mission_control.audit.lines import CorruptLine
from mission_control.audit.log import AuditLog, AuditWriteError
from mission_control.audit.masking import clean_text, clean_value
from mission_control.audit.reader import RecordFilter, read_all, tail
from mission_control.audit.records import STATUSES, ChangeRecord, ExecutionRecord, Status
from mission_control.audit.secrets_mask import mask_secrets, mask_text
from mission_control.audit.segments import rotated

__all__ = [
    "GENESIS",
    "STATUSES",
    "AuditLog",
    "AuditWriteError",
    "ChainHead",
    "ChangeRecord",
    "CorruptLine",
    "ExecutionRecord",
    "Follower",
    "RecordFilter",
    "Status",
    "clean_text",
    "clean_value",
    "difference",
    "follow",
    "line_digest",
    "mask_secrets",
    "mask_text",
    "read_all",
    "rotated",
    "tail",
]
