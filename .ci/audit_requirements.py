"""Look up every locked requirement among the known vulnerabilities (pip-audit).

Exit code 0: all were looked up, and none has a known vulnerability. 1: some have. 3: not all could be looked
up, for example because no index that knows vulnerabilities can be reached; that never counts as none found.
pip-audit itself comes from the index that pip is set up to use, into an environment that is removed again.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK = HERE.parent / "requirements.lock"  # the image installs a part of it
FOUND, NOT_AUDITED = 1, 3
MOST_SECONDS = 180


def main() -> int:
    """Audit the lock, print the verdict, and return the exit code."""
    options = ["--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            report = run([*installed(Path(folder)), *options, "-r", str(LOCK)], but=(0, 1))
            code, text = verdict(json.loads(report))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            code, text = NOT_AUDITED, f"NOT AUDITED: {last_line(error)}"
    sys.stdout.write(f"{LOCK.name}: {text}\n")
    return code


def installed(folder: Path) -> list[str]:
    """Install pip-audit into a folder, and return the command."""
    run([sys.executable, "-m", "venv", str(folder)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    run([*pip, "--retries", "1", "-r", str(HERE / "pip-audit.lock")])
    return [str(folder / "bin" / "pip-audit")]


def verdict(report: dict) -> tuple[int, str]:
    """Return the exit code and the sentence for a report of pip-audit.

    >>> verdict({"dependencies": [{"name": "a", "skip_reason": "not found"}]})[0]
    3
    """
    packages = report["dependencies"]
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    found = [
        f"{one['name']} {one['version']} ({each['id']}; fixed in {', '.join(each['fix_versions']) or 'none'})"
        for one in packages
        for each in one.get("vulns", ())
    ]
    left_out = f"; NOT AUDITED: {len(skipped)} of {len(packages)}" if skipped or not packages else ""
    if found:
        return FOUND, f"known vulnerabilities: {', '.join(found)}{left_out}"
    if left_out:
        why = "; the index knows them not, or has no vulnerabilities"
        return NOT_AUDITED, f"{left_out[2:]} requirements ({', '.join(skipped[:3])}, …){why}"
    return 0, f"{len(packages)} requirements, no known vulnerability"


def run(argv: list[str], but: tuple[int, ...] = (0,)) -> str:
    """Run a command and return its output, unless its exit code is another."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=MOST_SECONDS, check=False)  # noqa: S603  # ours
    if done.returncode not in but or (len(but) > 1 and not done.stdout.strip()):
        raise subprocess.CalledProcessError(done.returncode, argv[0], done.stdout, done.stderr)
    return done.stdout


def last_line(error: Exception) -> str:
    """Return what a failed command said last, or the error."""
    lines = str(getattr(error, "stderr", None) or error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
