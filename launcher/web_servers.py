"""How the web process is started under each server that it may run on.  [pure]"""

DEFAULT = "daphne"
SERVERS = (DEFAULT, "uvicorn")
APPLICATION = "mex.asgi:application"


def arguments(server: str, *, port: int, application: str = APPLICATION, names_requests: bool = False) -> list[str]:
    """Return what Python is given to serve an application on a port of 127.0.0.1, naming each request in its log."""
    assert server in SERVERS, server
    if server == "uvicorn":
        access_log = ["--access-log"] if names_requests else []
        return ["-m", "mex.uvicorn_web", "--port", str(port), *access_log, application]
    # Daphne names every request unless it is told to be quiet.
    verbosity = "1" if names_requests else "0"
    return ["-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "-v", verbosity, application]
