"""Look up the pinned packages in the advisory service; say it when it cannot be asked."""

import json
import os
import subprocess
import sys
from pathlib import Path

from launcher.console import say
from launcher.instance import ROOT

_TIMEOUT_S = 300


def main() -> int:
    """Return 1 if a package has a known vulnerability, or could not be looked up and MEX_REQUIRE_AUDIT is set."""
    command = [
        str(Path(sys.executable).with_name("pip-audit")),
        *("-r", "requirements.txt", "-r", "requirements-dev.txt", "--no-deps", "--disable-pip"),
        *("--format", "json", "--progress-spinner", "off"),
    ]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=_TIMEOUT_S)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return _not_audited(f"pip-audit ended with code {done.returncode}: {_last_line(done.stderr)}")
    vulnerable = [package for package in packages if package.get("vulns")]
    for package in vulnerable:
        for finding in package["vulns"]:
            fixed = ", ".join(finding["fix_versions"]) or "no version yet"
            say(f"{package['name']} {package['version']}: {finding['id']}, fixed in {fixed}")
    if vulnerable:
        return 1
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if skipped:
        return _not_audited(f"the advisory service does not know {len(skipped)} of {len(packages)} packages")
    say(f"{len(packages)} packages have no known vulnerability")
    return 0


def _not_audited(reason: str) -> int:
    required = os.environ.get("MEX_REQUIRE_AUDIT") == "1"
    say(f"NOT AUDITED: {reason}. {'Refused' if required else 'Not a failure here'}: see MEX_REQUIRE_AUDIT.")
    return 1 if required else 0


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no output"


if __name__ == "__main__":
    sys.exit(main())
