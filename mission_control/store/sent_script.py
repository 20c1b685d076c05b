"""Running a script while the caller goes on."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from redis import Redis
from redis.commands.core import Script
from redis.exceptions import NoScriptError, ResponseError


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
