"""`bawt-console serve`: the console in a browser of this machine."""

import ipaddress
import os

import click

from bawt_console.commands.session import Options, shared_options

PORT = 8765


@click.command("serve", short_help="Show the console in a browser of this machine.")
@click.option(
    "--port",
    type=click.IntRange(1024, 65_535),
    default=PORT,
    show_default=True,
    help="Where it answers.",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="This machine only; any other is refused."
)
@click.option("--read-only", is_flag=True, help="Watch only; the database refuses every change.")
@shared_options
@click.pass_obj
def serve(options: Options, port: int, host: str, read_only: bool) -> None:
    """Serve the console on this machine, attached: jobs run elsewhere.

    There is no password: anybody who can reach the address may do what the console may. So it listens to this
    machine alone. From another one, use ssh -L.
    """
    from bawt_console.output import print_note
    from scheduler_core.errors import ConfigError

    if not _is_loopback(host):
        raise ConfigError(
            f"The console has no password, so it is not served on {host}.",
            f"Leave --host away, and from another machine use: ssh -L {port}:127.0.0.1:{port} HOST",
        )
    try:
        from bawt_console.serve.server import ConsoleServer
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("textual_serve", "aiohttp"):
            raise
        raise ConfigError(
            "The part for browsers is not installed.", "Install it with: pip install 'bawt-console[browser]'"
        ) from None
    from scheduler_core.data_directory import prepared_data_dir

    # Checked once here, not in every window.
    prepared_data_dir(options.settings())
    if options.database_url:
        os.environ["LLM_BAWT_DATABASE_URL"] = options.database_url
    _require_free(port)
    ConsoleServer(port=port, read_only=read_only, say=print_note).serve()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _require_free(port: int) -> None:
    import socket

    from scheduler_core.errors import ConfigError

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise ConfigError(f"Port {port} is taken.", "Choose another one with --port.") from None
