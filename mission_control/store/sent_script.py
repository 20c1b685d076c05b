"""Running a script while the caller goes on."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar, cast

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import NoScriptError, ResponseError

_Result = TypeVar("_Result")


def send_script(script: Script, keys: Sequence[str], args: Sequence[bytes | str]) -> Callable[[], Any]:
    """Send a script to Redis, and return what waits for its answer, which must be called once.

    It takes a connection of the pool meanwhile. As with every command, a refused connection is tried again,
    and nothing is sent twice.
    """
    pool = cast("Redis", script.registered_client).connection_pool
    connection: Any = pool.get_connection()
    command = "EVALSHA", script.sha, len(keys), *keys, *args
    try:
        connection.retry.call_with_retry(
            lambda: connection.send_command(*command), lambda _: connection.disconnect()
        )
    except BaseException:
        connection.disconnect()
        pool.release(connection)
        raise

    def answer() -> Any:  # noqa: ANN401  # the script's
        try:
            return connection.read_response()
        except NoScriptError:  # it was not run: the server does not know it yet
            return script(keys=keys, args=args)
        except BaseException as error:
            if not isinstance(error, ResponseError):
                connection.disconnect()  # the answer may come later
            raise
        finally:
            pool.release(connection)

    return answer


def results_in_turn(sent: Iterable[Callable[[], _Result]]) -> Iterator[_Result]:
    """Yield the results of what is sent, in order; the next is always sent before one is waited for.

    After an error, which it raises, the result of what was sent meanwhile is waited for as well.
    """
    waiting = deque[Callable[[], _Result]]()
    try:
        for result in sent:
            waiting.append(result)
            if len(waiting) > 1:
                yield waiting.popleft()()
        while waiting:
            yield waiting.popleft()()
    finally:
        for result in waiting:
            with suppress(Exception):  # the error before it is the one to be raised
                result()
