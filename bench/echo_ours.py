"""The bare echo of bench/echo.py, served as mex/asgi.py serves the gateway: our frames, and the collector as there.

Under uvicorn the frames are ours in every echo (mex/uvicorn_web.py), so that only the collector differs.
"""

from bench import echo
from mex.web_start import web_start

bare = echo.bare

web_start()
