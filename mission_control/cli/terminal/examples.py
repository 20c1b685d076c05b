"""An example for the help of each command that has none of its own."""

from typing import Final

_EXAMPLES: Final = {
    "up": "up --detach",
    "down": "down",
    "demo": "demo --keep",
    "status": "status --journal -n 50",
    "doctor": "doctor --json",
    "account": "account --day yesterday --out account.json",
    "pause": "pause --queue reports --until 'tomorrow 09:00' --reason maintenance",
    "resume": "resume --queue reports --catch-up",
    "url": "url --password",
    "redis-acl": "redis-acl --role worker",
    "bench": "bench herd",
    "task show": "task show tea --json",
    "task sign": "task sign tea",
    "task skip": "task skip tea --next --reason holidays",
    "task unskip": "task unskip tea --next",
    "task history": "task history tea -n 5",
    "task revisions": "task revisions tea",
    "task rollback": "task rollback tea --to 3 --dry-run",
    "task plan": "task plan tasks.yaml --prune --out plan.json",
    "task apply": "task apply plan.json",
    "task export": "task export tea --format yaml",
    "backfill list": "backfill list --all",
    "backfill show": "backfill show 01JAB --wait",
    "backfill cancel": "backfill cancel 01JAB --reason 'wrong month'",
    "run show": "run show tea coffee@20260301T09",
    "run logs": "run logs tea --follow",
    "limit set": "limit set llm-api --concurrency 2 --rate 30/m",
    "limit list": "limit list",
    "limit show": "limit show llm-api",
    "limit remove": "limit remove llm-api",
    "budget set": "budget set agent:research --usd 5/d --tokens 1M/12h",
    "budget list": "budget list",
    "budget show": "budget show agent:research",
    "budget remove": "budget remove agent:research",
    "grant create": "grant create researcher --handlers 'handlers.reports.*' --usd 5/d --approve-above 48/d",
    "grant list": "grant list",
    "grant show": "grant show researcher",
    "grant revoke": "grant revoke researcher --reason 'no longer needed'",
    "approvals list": "approvals list --json",
    "approvals allow": "approvals allow 3f2a9c51d07e",
    "approvals deny": "approvals deny 3f2a9c51d07e --reason 'too often'",
    "handler list": "handler list",
    "handler check": "handler check handlers.hello.run",
    "handler new": "handler new greet",
    "audit tail": "audit tail --status failure --follow",
    "audit query": "audit query --since yesterday --status failure",
    "audit verify": "audit verify --files-only",
    "audit keygen": "audit keygen audit.key",
    "audit repair": "audit repair --dry-run",
    "audit acknowledge": "audit acknowledge --reason 'the disk was full'",
    "notify test": "notify test default",
    "notify who": "notify who tea",
}


def example_of(group: str | None, command: str) -> str | None:
    """Return the example for a command of a group, or of the top."""
    found = _EXAMPLES.get(f"{group} {command}", _EXAMPLES.get(command))
    return None if found is None else f"Example: mission-control {found}"
