"""`mission-control url` and `redis-acl`: what other programs need to use the same Redis."""

from typing import TYPE_CHECKING

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current, is_kept_up
from mission_control.cli.terminal.output import echo, echo_json, tell

if TYPE_CHECKING:
    from mission_control.configuration.settings import Settings

_ROLES = ("producer", "beat", "worker", "web", "flower")


def _one_word(_: click.Context, __: click.Parameter, user: str | None) -> str | None:
    """Return the name, or fail where it would become several words of the rule."""
    if user is not None and (not user.isprintable() or user.split() != [user]):
        raise click.BadParameter("a user's name is one word, without spaces")
    return user


@click.command("redis-acl")
@click.option("--role", type=click.Choice(_ROLES), required=True, help="What the process does.")
@click.option("--user", callback=_one_word, help="The user's name in Redis.  [default: mission-control-ROLE]")
@parameters.as_json
def redis_acl(role: str, user: str | None, as_json: bool) -> None:
    """Print the rule of a Redis user that may do what a role needs, and nothing else.

    The rule is a line of Redis' ACL file. It has no password, so no program can log in yet.
    """
    from mission_control.configuration.settings import read_settings
    from mission_control.store.access_rules import Role, acl_rule
    from mission_control.store.redis_keys import RedBeatKeys

    settings, name = read_settings(), user if user is not None else f"mission-control-{role}"
    rule = acl_rule(
        Role(role),
        name,
        queues=settings.queues,
        redbeat_keys=RedBeatKeys(settings.redbeat_key_prefix),
        database=_broker_database(settings),
    )
    if as_json:
        echo_json({"role": role, "user": name, "rule": rule})
        return
    echo(rule)
    tell(
        f"add a password (>PASSWORD) and put the line into Redis' ACL file; {name} then logs in with it in "
        "MISSION_CONTROL_REDIS_URL"
    )


def _broker_database(settings: "Settings") -> int:
    """Return the number of the database, with which kombu begins the names of channels."""
    from mission_control.configuration.broker_address import redis_servers
    from mission_control.store.connection import connect

    brokers = [] if settings.broker_url is None else redis_servers(settings.broker_url)
    url = next((one for one in (*brokers, settings.redis_url) if one is not None), None)
    return 0 if url is None else int(connect(url).get_connection_kwargs().get("db") or 0)


@click.command()
@click.option("--password", "with_password", is_flag=True, help="Include the user name and the password.")
@parameters.as_json
def url(with_password: bool, as_json: bool) -> None:
    """Print the URL of the broker, for other Celery clients.

    A user name and a password are masked, unless --password is given.
    """
    from mission_control.configuration.settings import read_settings
    from mission_control.store.address.url_spelling import mask_password

    is_kept = is_kept_up(read_settings())
    with current() as installation:
        configured = installation.celery.conf
        broker = str(configured.broker_write_url)
        shown = broker if with_password else mask_password(broker)
        master = configured.broker_transport_options.get("master_name")
        if as_json:
            echo_json({"broker_url": shown, "master_name": master})
        else:
            echo(shown)
        if master is not None:
            tell(f'the client also needs broker_transport_options={{"master_name": "{master}"}}')
        if shown != broker:
            tell("add --password for the URL that a client needs")
        if not is_kept:
            tell("no process keeps this server up; start one with `mission-control up`")
