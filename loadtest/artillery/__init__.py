"""Scenarios for Artillery, and what installs and runs it. README.md beside this file says how."""
