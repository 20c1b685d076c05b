"""`mission-control url`."""

import rich_click as click

from mission_control.cli.terminal import parameters
from mission_control.cli.terminal.installation_in_use import current, is_kept_up
from mission_control.cli.terminal.output import echo, echo_json, tell


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
