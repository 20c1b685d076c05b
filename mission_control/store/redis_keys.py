"""Every Redis key, with its type, its life and who writes it.

This file has more than 250 lines because all keys stand in one place.

| key | type | life | written by |
|---|---|---|---|
| `redbeat:<name>` | hash: `definition meta task revision due signature downstream` | as the task | registry |
| `redbeat::schedule` | sorted set: key → next due instant, Unix seconds | permanent | registry, beat |
| `redbeat::statics` | set of names from `beat_schedule` | permanent | RedBeat |
| `mc:redbeat_prefix` | string, the prefix that stands for `redbeat:` here | permanent | registry, beat |
| `mc:tasks` | set of task ids | permanent | registry |
| `mc:tasks:files` | hash: task → the file it was applied from last | as the task | registry |
| `mc:tasks:edits` | stream: what was changed, for events | permanent, the last 1,000 or so | registry, beat |
| `mc:tasks:installation` | string, tells installations apart | permanent | registry |
| `mc:tasks:overtaken` | list: what was due when its task changed | trimmed: beat records it | registry |
| `mc:task:<id>:revisions` | list of JSON, newest first, at most `MAX_REVISIONS` | as the task | registry |
| `mc:task:<id>:history` | hash of counters and last times | as the task; without one, retention | ledger |
| `mc:task:<id>:runs` | sorted set: execution_id → scheduled time | retention after an end | ledger, beat |
| `mc:task:<id>:active` | sorted set: execution_id → since when it is due | emptied by ends | ledger, beat |
| `mc:task:<id>:waiting` | sorted set, occurrences that wait for one of these | emptied by ends | beat |
| `mc:task:<id>:requested` | sorted set, requests that wait for one | emptied by ends | ledger |
| `mc:task:<id>:cost` | hash: what its runs spend on average | retention after an end | ledger |
| `mc:task:<id>:downstream` | set of the tasks that come after it | as these tasks | registry |
| `mc:run:<execution_id>` | hash: `spec` JSON, and the fields that change | retention after its end | ledger |
| `mc:once:<execution_id>` | set of effects that were marked | retention after its run's end | ledger |
| `mc:log:<execution_id>` | list of JSON, what its handler said | retention; an hour after its end | workers |
| `mc:runs:active` | sorted set: execution_id → dispatched at | permanent | ledger |
| `mc:runs:first` | hash: task → its first active run, see `overlap.lua` | emptied by ends | ledger, beat |
| `mc:runs:leases` | sorted set: execution_id → when its lease runs out | permanent | ledger |
| `mc:runs:waiting` | hash: execution_id → JSON of its missing handler, and since when | 30 days | workers |
| `mc:runs:upstream` | sorted set: ended run → when to look what comes after it | emptied by beat | ledger |
| `mc:runs:deadlines` | sorted set: run → its next deadline | permanent, emptied by beat | ledger, beat |
| `mc:runs:finished` | sorted set: execution_id → finished at | trimmed to retention | ledger |
| `mc:fired:<execution_id>` | hash, of a RedBeat entry's occurrence | retention | beat |
| `mc:revoked:<execution_id>` | string, why the run must not begin | retention | workers, registry |
| `mc:pauses` | hash: layer or changed occurrence → JSON | permanent, a day after its end | registry, beat |
| `mc:pauses:version` | string, how often they were changed | permanent | registry, beat |
| `mc:limits` | hash: limit → JSON of its definition | permanent | registry |
| `mc:limits:<name>:slots:<value>` | hash: run → weight, and their sum | permanent, until ends | ledger |
| `mc:limits:<name>:waiting:<value>` | sorted set: run that waits → turn | permanent, until called | ledger |
| `mc:limits:<name>:turns:<value>` | sorted set: group → last turn | permanent, until none waits | ledger |
| `mc:limits:<name>:called:<value>` | sorted set: called run → held until | permanent, until begun | ledger |
| `mc:limits:<name>:rate:<value>` | string, theoretical arrival time | until it has passed | ledger |
| `mc:limits:<name>:cooled:<value>` | string, while a cooldown is in `rate` | until it has passed | ledger |
| `mc:limits:<name>:booked:<value>` | sorted set: run → arrival time then | permanent, until begun | ledger |
| `mc:limits:<name>:values:-` | sorted set: value of its `per` → when it was used | permanent | ledger |
| `mc:budgets` | hash: budget → JSON of its definition | permanent | registry |
| `mc:budgets:spent:<name>` | hash: unit and end of a span → amount | longest window | ledger, beat |
| `mc:budgets:reserved:<name>` | hash: run → JSON of the amounts | permanent, until ends | ledger, beat |
| `mc:grants` | hash: grant → JSON of its definition | permanent | registry |
| `mc:grants:tasks:<name>` | sorted set: the holder's task → when it expires | permanent | registry |
| `mc:grants:asked:<name>` | hash: task → JSON of the change | 30 days after the last | registry |
| `mc:grants:uses` | hash: JSON of a use in a span → how often | permanent, emptied by beat | registry, beat |
| `mc:notify:outbox` | list of JSON, notices | permanent, emptied by beat | ledger, beat, registry |
| `mc:notify:open` | hash: task id → JSON of its incidents | permanent, emptied by their ends | ledger, beat |
| `mc:notify:messages` | list of JSON, messages to send | permanent, emptied by sending | beat |
| `mc:notify:alarms` | hash: what does not work → JSON | permanent, emptied by ends | beat, workers |
| `mc:notify:watcher` | string, a worker looks for a silent beat | seconds | workers |
| `mc:idempotency:<key>` | string, execution_id and fingerprint of the params | retention | producers |
| `mc:debounce:<key>` | hash: a window's run, first call and end | an hour after its end | producers |
| `mc:backfills` | hash: open backfill → JSON of its task and range | permanent, emptied by ends | ledger |
| `mc:backfill:<id>` | hash: `spec` JSON, and what changes | permanent, retention after its end | ledger |
| `mc:backfill:<id>:left` | list of what it has to send | permanent, emptied by sending | ledger |
| `mc:backfill:<id>:runs` | set of its unfinished runs | permanent, emptied by ends | ledger |
| `mc:audit:pending` | hash: identity → what to write | permanent, until written | ledger, beat, workers |
| `mc:audit:quarantine` | list of JSON, newest first, at most 1,000 | permanent | sweep |
| `mc:audit:anchors` | hash: writer → its last line | permanent, at most 10,000 | audit writers |
| `mc:audit:known_since` | hash of high-water marks, see `chain` | permanent | audit writers, ledger |
| `mc:rollup:totals` | hash: counter → how many, see `run_totals` | permanent | sweep |
| `mc:rollup:positions` | hash: audit file → how far it is counted | permanent | sweep |
| `mc:rollup:hour:<hour>` | hash: task and revision, "" for all → JSON of figures | 35 days | sweep |
| `mc:audit:writer` | string, the process that writes late records | seconds | sweep |
| `mc:handlers` | hash: handler path → summary | renewed by workers, one day | workers |
| `mc:process:<kind>:<name>` | string, JSON | seconds | beat, workers |
| `mc:processes` | sorted set: `<kind>:<name>` → its last beat | permanent, entries a day | beat, workers |
| `mc:outages` | list of JSON, newest first, at most 1,000: when Redis failed | permanent | beat, workers |
| `mc:beat:leader` | string, the leading beat | `LEADER_SECONDS` | beat |
| `mc:dead_letters` | list of JSON, newest first, at most 1,000 | permanent | beat, workers |
| `mc:turns:<list>` | sorted set: task → its next turn | permanent, emptied by fetching | workers |
| `mc:lane:<list>:<task>` | list of messages in their order | permanent, emptied by fetching | workers |
| `mc:beat:quarantine` | hash: entry key → JSON of what is wrong | permanent, emptied by repairs | beat |
| `mc:beat:journal` | stream: what beat did | permanent, the last 10,000 or so | beat |
| `mc:beat:pace` | hash: second → how many runs are caught up in it | until a minute after | beat |
| `mc:beat:outbox` | list of execution_ids or RedBeat entries | permanent, emptied by sending | beat |
| `mc:web:events` | stream of what happened, numbered | permanent, the last 10,000 | web |
| `mc:web:events:lead` | string, the web server that adds to it | seconds | web |
| `mc:web:answer:<name>` | string, JSON of the answer to a request | a day | web |
| `mc:parked` | sorted set: execution_id → release at | permanent, emptied by it | beat, workers |
| `mc:parked:payloads` | hash: execution_id → MessagePack | permanent, emptied by it | beat, workers |

`redbeat:` stands for `MISSION_CONTROL_REDBEAT_KEY_PREFIX`, of which a database has one only. The queues
(`default`, …) and `unacked*`, `_kombu.*` belong to kombu.
"""

from dataclasses import dataclass
from typing import Final

MAX_REVISIONS: Final = 100

OURS: Final = "mc:"
REDBEAT_PREFIX: Final = "redbeat:"
PREFIX_IN_USE: Final = "mc:redbeat_prefix"
TASKS: Final = "mc:tasks"
TASK_FILES: Final = "mc:tasks:files"
OVERTAKEN: Final = "mc:tasks:overtaken"
EDITS: Final = "mc:tasks:edits"
INSTALLATION_ID: Final = "mc:tasks:installation"
ACTIVE_RUNS: Final = "mc:runs:active"
FIRST_ACTIVE_RUNS: Final = "mc:runs:first"
LEASES: Final = "mc:runs:leases"
FINISHED_RUNS: Final = "mc:runs:finished"
UPSTREAM_RUNS: Final = "mc:runs:upstream"
DEADLINES: Final = "mc:runs:deadlines"
HANDLERS: Final = "mc:handlers"
LIMITS: Final = "mc:limits"
BUDGETS: Final = "mc:budgets"
GRANTS: Final = "mc:grants"
GRANT_USES: Final = "mc:grants:uses"
PAUSES: Final = "mc:pauses"
PAUSES_VERSION: Final = "mc:pauses:version"
NOTICES: Final = "mc:notify:outbox"
INCIDENTS: Final = "mc:notify:open"
NOTIFICATIONS: Final = "mc:notify:messages"
ALARMS: Final = "mc:notify:alarms"
BEAT_WATCHER: Final = "mc:notify:watcher"
WAITING_RUNS: Final = "mc:runs:waiting"
BACKFILLS: Final = "mc:backfills"
OUTAGES: Final = "mc:outages"
BEAT_JOURNAL: Final = "mc:beat:journal"
OUTBOX: Final = "mc:beat:outbox"
CATCH_UP_PACE: Final = "mc:beat:pace"
PARKED: Final = "mc:parked"
PARKED_PAYLOADS: Final = "mc:parked:payloads"
PENDING_RECORDS: Final = "mc:audit:pending"
AUDIT_QUARANTINE: Final = "mc:audit:quarantine"
AUDIT_ANCHORS: Final = "mc:audit:anchors"
KNOWN_SINCE: Final = "mc:audit:known_since"
ROLLUP_TOTALS: Final = "mc:rollup:totals"
ROLLUP_POSITIONS: Final = "mc:rollup:positions"
RECORD_WRITER: Final = "mc:audit:writer"
DEAD_LETTERS: Final = "mc:dead_letters"
TURNS: Final = "mc:turns:"
LANES: Final = "mc:lane:"
WAKE_CHANNEL: Final = "mc:beat:wake"
PROCESSES: Final = "mc:process:"
PROCESS_NAMES: Final = "mc:processes"
BEAT_LEADER: Final = "mc:beat:leader"
BEAT_QUARANTINE: Final = "mc:beat:quarantine"
WEB_EVENTS: Final = "mc:web:events"
WEB_EVENTS_LEAD: Final = "mc:web:events:lead"


@dataclass(frozen=True)
class RedBeatKeys:
    """The keys that are RedBeat's, under its `redbeat_key_prefix`."""

    prefix: str = REDBEAT_PREFIX

    @property
    def schedule(self) -> str:
        """The sorted set of what is due when."""
        return f"{self.prefix}:schedule"

    @property
    def statics(self) -> str:
        """The set of names from `beat_schedule`."""
        return f"{self.prefix}:statics"

    def entry(self, name: str) -> str:
        """Return the key of a task's schedule entry."""
        return f"{self.prefix}{name}"


DEFAULT_REDBEAT_KEYS: Final = RedBeatKeys()


@dataclass(frozen=True)
class LimitKeys:
    """The keys of one limit, for one value of its `per` ("=" and the value), or "-"; see `limits.lua`."""

    name: str
    value: str = "-"

    def of(self, what: str) -> str:
        """Return the key of a part, such as `slots`, `waiting`, `turns`, or `values`."""
        return f"{LIMITS}:{self.name}:{what}:{self.value}"


def revisions(task_id: str) -> str:
    """Return the key of a task's former definitions."""
    return f"mc:task:{task_id}:revisions"


def history(task_id: str) -> str:
    """Return the key of a task's counters."""
    return f"mc:task:{task_id}:history"


def task_runs(task_id: str) -> str:
    """Return the key of the index of a task's runs."""
    return f"mc:task:{task_id}:runs"


def other_active_of_task(task_id: str) -> str:
    """Return the key of a task's active runs but for the first, and of those that are not due yet."""
    return f"mc:task:{task_id}:active"


def waiting_of_task(task_id: str) -> str:
    """Return the key of a task's occurrences that wait for an active run to end."""
    return f"mc:task:{task_id}:waiting"


def requested_of_task(task_id: str) -> str:
    """Return the key of a task's requested runs that wait for an active run to end."""
    return f"mc:task:{task_id}:requested"


def cost(task_id: str) -> str:
    """Return the key of what the runs of a task spend on average."""
    return f"mc:task:{task_id}:cost"


def budget_spent(name: str) -> str:
    """Return the key of what was spent of a budget."""
    return f"{BUDGETS}:spent:{name}"


def budget_reserved(name: str) -> str:
    """Return the key of what runs have reserved of a budget."""
    return f"{BUDGETS}:reserved:{name}"


def granted_tasks(name: str) -> str:
    """Return the key of the tasks of the holder of a grant."""
    return f"{GRANTS}:tasks:{name}"


def asked_approvals(name: str) -> str:
    """Return the key of what the holder of a grant has asked for."""
    return f"{GRANTS}:asked:{name}"


def downstream(task_id: str) -> str:
    """Return the key of the tasks that come after a task."""
    return f"mc:task:{task_id}:downstream"


def run(execution_id: str) -> str:
    """Return the key of one run."""
    return f"mc:run:{execution_id}"


def effects(execution_id: str) -> str:
    """Return the key of the effects that one run has marked, to have each once."""
    return f"mc:once:{execution_id}"


def run_log(execution_id: str) -> str:
    """Return the key of what a run's handler has printed and logged."""
    return f"mc:log:{execution_id}"


def fired_entry(execution_id: str) -> str:
    """Return the key that says that beat fired this occurrence of a RedBeat entry."""
    return f"mc:fired:{execution_id}"


def revoked(execution_id: str) -> str:
    """Return the key that says why a run must not begin another attempt."""
    return f"mc:revoked:{execution_id}"


def idempotency(key: str) -> str:
    """Return the key that remembers which run an idempotency key started."""
    return f"mc:idempotency:{key}"


def web_answer(name: str) -> str:
    """Return the key of the answer that a repeated request gets."""
    return f"mc:web:answer:{name}"


def debounce(key: str) -> str:
    """Return the key of the window of debounced requests."""
    return f"mc:debounce:{key}"


def backfill(backfill_id: str) -> str:
    """Return the key of one backfill."""
    return f"mc:backfill:{backfill_id}"


def backfill_left(backfill_id: str) -> str:
    """Return the key of what a backfill has to send."""
    return f"mc:backfill:{backfill_id}:left"


def backfill_runs(backfill_id: str) -> str:
    """Return the key of a backfill's unfinished runs."""
    return f"mc:backfill:{backfill_id}:runs"


def rollup(hour: str) -> str:
    """The figures of an hour, which is counted from 1970; `*` stands for all of them."""
    return f"mc:rollup:hour:{hour}"


def process(kind: str, name: str) -> str:
    """Return the key of a process's heartbeat."""
    return f"{PROCESSES}{kind}:{name}"
