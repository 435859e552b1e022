"""What holds for a web process, whatever application it serves."""

import gc

from mex.daphne_limits import limit_frames


def web_start() -> None:
    """Serve with our frames, and keep what is loaded by now out of the collector's sight: for the end of all imports.

    bench/echo_ours.py calls it too, so that the echo that orders are compared with is served as they are.
    """
    limit_frames()
    # What is loaded by now stays. Else the collector looks through all of it now and then, and every order waits.
    gc.collect()
    gc.freeze()
    # Collecting after each 700 new objects, the default, takes a tenth of the time under load, and finds nothing.
    gc.set_threshold(10_000)
