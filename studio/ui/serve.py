"""The page served from a process of its own: what `python app.py` and the command `distillation-studio` do."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
from typing import TYPE_CHECKING

from studio.core import compiling
from studio.core.environment import environment

if TYPE_CHECKING:
    from gradio import Blocks

    from studio.jobs.jobs import Jobs


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Command-line options; each has an environment variable, and the option wins."""
    env = os.environ.get
    parser = argparse.ArgumentParser(description="Distillation Studio, in a browser.")
    parser.add_argument("--host", default=env("STUDIO_HOST") or environment().host, help="address to listen on (STUDIO_HOST)")
    parser.add_argument("--port", default=env("STUDIO_PORT"), help="port; the first free from 7860 (STUDIO_PORT)")
    parser.add_argument("--device", default=env("STUDIO_DEVICE"), help="cpu, cuda, cuda:1, mps; else the best (STUDIO_DEVICE)")
    parser.add_argument(
        "--compile", action="store_true", help="compile the repeated blocks of networks before they draw (STUDIO_COMPILE=1)"
    )
    parser.add_argument("--data-dir", default=env("STUDIO_DATA_DIR"), help="where runs are kept (STUDIO_DATA_DIR)")
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        help="a name of this machine by which browsers may reach the page besides (STUDIO_NAMES, with commas)",
    )
    parser.add_argument(
        "--auth",
        default=env("STUDIO_AUTH"),
        help="user:password that visitors need; other users of this machine see options, so rather set STUDIO_AUTH",
    )
    parser.add_argument(
        "--share",
        action="store_true",
        default=env("STUDIO_SHARE", "").lower() in ("1", "true", "yes"),
        help="also make a public link through Gradio's servers (STUDIO_SHARE=1)",
    )
    options = parser.parse_args(arguments)
    if options.port is not None:
        if not str(options.port).isdecimal() or not 1 <= int(options.port) <= 65535:
            parser.error(f"the port is {options.port!r}; a number from 1 to 65535 fits.")
        options.port = int(options.port)
    options.name += [name.strip() for name in env("STUDIO_NAMES", "").split(",") if name.strip()]
    user, colon, password = (options.auth or "").partition(":")
    if options.auth and not (user and password):
        parser.error("the login is a name and a password with a colon between them, like ada:a-long-password.")
    options.auth = (user, password) if colon else None
    return options


def open_to_all(options: argparse.Namespace) -> str:
    """What to say where others than this machine's people reach the page and need no login; "" otherwise."""
    reached = options.share or options.host not in ("127.0.0.1", "localhost", "::1")
    if not reached or options.auth or environment().is_space:
        return ""
    return (
        "Warning: whoever reaches this address can start jobs, see every run and delete them; "
        "STUDIO_AUTH=user:password asks for a login."
    )


def page(data_dir: str | None = None) -> object:
    """The page over a data folder, as Gradio's Blocks; neither served nor with a worker."""
    from studio.library.stock import open_jobs
    from studio.ui.kit.import_gradio import import_gradio

    import_gradio()
    from studio.ui.app import build

    return build(open_jobs(data_dir))


def free_port(first: int, count: int) -> int:
    """The first of these ports at which nobody of this machine listens; OSError where all are taken."""
    for port in range(first, first + count):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"all ports from {first} to {first + count - 1} are taken")


def served(jobs: Jobs, options: argparse.Namespace, tries: int = 3) -> Blocks:
    """The page, answering; of two studios that find the same port free at once, the one that lost it begins anew.

    Gradio would go on to the next port by itself, but with the same page, whose door for agents can be opened once only: every
    further port then counts as taken, after five seconds each (OSError in the end).
    """
    from gradio.http_server import INITIAL_PORT_VALUE, TRY_NUM_PORTS

    from studio.ui.app import build, launch_options

    while True:
        port = options.port or free_port(INITIAL_PORT_VALUE, TRY_NUM_PORTS)
        demo = build(jobs)
        settings = launch_options(jobs, options.host, port, options.share, options.name, options.auth)
        try:
            demo.launch(prevent_thread_lock=True, quiet=True, **settings)
            return demo
        except OSError:
            tries -= 1
            if options.port or not tries:
                raise
            demo.close()


def main(arguments: list[str] | None = None) -> int:
    """Serve the page until Ctrl-C; the worker is started once the page answers."""
    options = parse_options(arguments)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    # Gradio asks its own address whether it is up; through a proxy that question never arrives.
    local = "127.0.0.1,localhost"
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), local]))

    from studio.jobs.paths import write_privately
    from studio.jobs.supervisor import Supervisor
    from studio.library.models import load_registry
    from studio.library.stock import open_jobs

    try:
        jobs = open_jobs(options.data_dir)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    write_privately(jobs.paths)
    os.environ.setdefault(
        "GRADIO_TEMP_DIR", str(jobs.paths.cache / "arriving")
    )  # what is uploaded, until it is kept or forgotten

    from studio.ui.kit.import_gradio import import_gradio

    import_gradio()
    from studio.ui.app import problems

    for sentence in filter(None, [*problems(), open_to_all(options)]):
        print(sentence, file=sys.stderr)
    try:
        demo = served(jobs, options)
    except OSError as error:
        print(f"The page could not be served: {error}. Another --port may be free.", file=sys.stderr)
        return 2
    print(f"Distillation Studio is at {demo.local_url}\nRuns are kept in {jobs.paths.root}", flush=True)
    if demo.share_url:
        print(f"Public link: {demo.share_url}", flush=True)
    pair = next((pair for pair in load_registry(jobs.paths).pairs() if pair.available), None)
    warm = (pair.teacher.id, pair.student.id) if pair else ()
    if options.compile:
        compiling.choose()
    supervisor = Supervisor(jobs, device=options.device or environment().device, warm=warm)
    supervisor.start()
    try:
        demo.block_thread()
    finally:
        supervisor.stop()
        demo.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
