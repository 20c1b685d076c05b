"""What a Redis error means to an operator: its cause and its remedy."""

import re
from collections.abc import Mapping
from pathlib import Path
from socket import gaierror
from typing import Any, Final

from redis import RedisError, exceptions
from redis.sentinel import MasterNotFoundError

from mission_control.errors import EmbeddedServerError

SAFE_POLICY: Final = "noeviction"
CORRECT_URL = "correct MISSION_CONTROL_REDIS_URL"
NO_CLUSTER = f"is a Redis Cluster, which is not supported: {CORRECT_URL} to name a single server"
NO_MASTER = (
    "has no master that one of its Sentinels names: wait for the failover to end, see that a Sentinel is "
    f"up, or {CORRECT_URL} (hosts, master_name, sentinel_password)"
)

# By the first word of the server's answer, as the Redis protocol defines it.
REFUSALS = {
    "WRONGPASS": f"refuses the user name or password: {CORRECT_URL} (redis://user:password@host:port/0, "
    "special characters percent-encoded)",
    "NOAUTH": f"wants a password: {CORRECT_URL} (redis://:password@host:port/0)",
    "NOPERM": "does not permit this user the operation: grant it with ACL SETUSER (what each role needs, "
    "`mission-control redis-acl --role worker` prints), or use another user",
    "READONLY": f"is a read-only replica: {CORRECT_URL} to name the primary, or wait for the failover to end",
    "OOM": "is full: raise its maxmemory, or free memory (shorter MISSION_CONTROL_RETENTION_DAYS)",
    "MISCONF": "refuses to write because it cannot save to its disk: free the disk, see the server's log",
    "LOADING": "is still loading its data: try again in a moment",
    "BUSY": "is busy with a long script: try again, or stop the script with SCRIPT KILL",
    "NOREPLICAS": "refuses to write because too few replicas are connected: bring the replicas up",
    "MASTERDOWN": "is a replica that lost its primary: bring the primary up, or name another server",
    "DENIED": "is in protected mode, and has no password, so that it refuses other machines: set one there "
    f"(requirepass), and {CORRECT_URL} (redis://:password@host:port/0)",
    "NOPROTO": "does not speak the protocol RESP3 (HELLO 3): upgrade the server, or the proxy before it, to "
    "what Redis 7 speaks",
    "MOVED": NO_CLUSTER,
    "ASK": NO_CLUSTER,
    "CROSSSLOT": NO_CLUSTER,
    "CLUSTERDOWN": NO_CLUSTER,
    "TRYAGAIN": NO_CLUSTER,
}

# By words after ERR, the code of all others: those of Redis 5 to 8 and of Valkey.
_NO_PASSWORD_THERE = (
    f"has no password, and is given one: {CORRECT_URL} (redis://host:port/0), or set it there (requirepass)"
)
_ERR_REFUSALS = {
    "max number of clients": "has no connection left: raise its maxclients, or end some clients",
    "DB index is out of range": f"has no database of that number: {CORRECT_URL} (redis://host:port/0), or "
    "raise its setting databases, and restart it",
    "SELECT is not allowed in cluster mode": NO_CLUSTER,
    "AUTH <password> called without any password configured": _NO_PASSWORD_THERE,
    "Client sent AUTH, but no password is set": _NO_PASSWORD_THERE,
    "wrong number of arguments for 'auth'": "does not know user names, as before Redis 6: upgrade it",
    # Inside a script it stands for NOPERM.
    "ACL failure in script": REFUSALS["NOPERM"],
}


def explain(error: RedisError, *, managed_folder: Path | None = None) -> str | None:
    """Return how "Redis at <address> …" goes on, or None where the error is no trouble of the store.

    None means a mistake of the caller (wrong type, bad script, lost race). The answer never quotes the
    command, whose arguments may be secret. `managed_folder` is the server's, if it is the managed one.
    """
    refusal = REFUSALS.get(_code(error), _err_refusal(error))
    if refusal is not None:
        return refusal.replace("the operation", _denied_command(error), 1)
    if isinstance(error, exceptions.AuthenticationError):
        return REFUSALS["WRONGPASS"]
    if isinstance(error, exceptions.TimeoutError):
        return "did not answer in time: see whether the server hangs or is overloaded, and the network to it"
    if isinstance(error, MasterNotFoundError):
        return NO_MASTER
    if isinstance(error, exceptions.ConnectionError):
        return _unreachable(error, managed_folder)
    return None


def refusal_in(info: Mapping[str, Any]) -> str | None:
    """Return why Redis would refuse a write now, as its answer to INFO says."""
    most = int(info.get("maxmemory", 0))
    if info.get("role") == "slave":
        return REFUSALS["READONLY"]
    if most and int(info.get("used_memory", 0)) >= most and info.get("maxmemory_policy") == SAFE_POLICY:
        return REFUSALS["OOM"]
    is_failing = "err" in {info.get("aof_last_write_status"), info.get("rdb_last_bgsave_status")}
    return REFUSALS["MISCONF"] if is_failing else None


def eviction_in(info: Mapping[str, Any]) -> str | None:
    """Return how Redis would delete keys, as its answer to INFO says; None if it would not."""
    policy = info.get("maxmemory_policy", SAFE_POLICY)
    if policy == SAFE_POLICY:
        return None
    return f"has maxmemory-policy {policy}: when memory runs out it would silently delete schedules and runs"


def in_words(error: BaseException) -> str:
    """Return an error as a log has it: what Redis refuses is explained, anything else is quoted."""
    refusal = explain(error) if isinstance(error, exceptions.ResponseError) else None
    return str(error) if refusal is None else f"Redis {refusal}"


def trouble_words(error: BaseException) -> str:
    """Return how "Redis …" goes on, with the remedy after ": " if there is one."""
    found = explain(error) if isinstance(error, RedisError) else None
    return f"failed ({in_words(error)})" if found is None else found


def _code(error: RedisError) -> str:
    """The code of the answer; redis-py keeps it apart only for those that have a class."""
    if error.status_code is not None:
        return str(error.status_code)
    match = re.match(r"[A-Z]+\b", _answer(error))
    return match[0] if match is not None else ""


def _err_refusal(error: RedisError) -> str | None:
    answer = _answer(error).casefold()
    return next((refusal for words, refusal in _ERR_REFUSALS.items() if words.casefold() in answer), None)


def _answer(error: RedisError) -> str:
    """What the server says; in a pipeline "Command # 3 (…) of pipeline caused error: " is before it."""
    return str(error).rpartition(" caused error: ")[2]


def _denied_command(error: RedisError) -> str:
    """Return what a user without the right was denied; the command is named, a key may be a secret."""
    match = re.search(r"run the '([\w|]+)' command", str(error))
    return "the operation" if match is None else f"the command {match[1]}"


def _unreachable(error: exceptions.ConnectionError, managed_folder: Path | None) -> str:
    if isinstance(error.__context__, gaierror):
        return f"cannot be found, its host name is unknown: {CORRECT_URL}"
    if isinstance(error.__cause__, EmbeddedServerError):
        return f"is not running and cannot be started again: {error.__cause__}"
    if managed_folder is not None:
        cause = str(error).rstrip(".")
        return f"has ended ({cause}): the next call starts it again; its log is in {managed_folder}"
    return (
        f"cannot be reached ({str(error).rstrip('.')}): start the server, {CORRECT_URL}, "
        "or unset it to use the embedded server"
    )
