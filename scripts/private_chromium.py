"""Debian's Chromium in a folder of its own, where none is on PATH. Nothing is installed, and nobody has to be root.

    python scripts/private_chromium.py FOLDER    prints what starts it; exits with 1 and the reason if it cannot be had

It asks apt for Chromium and whatever of its needs is not installed, with lists and a cache of its own, and unpacks
them. The machine's own sources and its keys say where they come from.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

PACKAGE: Final = "chromium"
STATUS: Final = Path("/var/lib/dpkg/status")
PATIENCE: Final = 900


class CannotBeHad(Exception):
    """Why not, in a line."""


def main(folder: Path) -> int:
    """Print where it is; fetch it first if it is not there."""
    try:
        print(found(folder))
    except (CannotBeHad, OSError) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


def found(folder: Path) -> Path:
    """What starts it. Raises CannotBeHad."""
    start = folder / PACKAGE
    if not start.exists():
        fetched = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(fetched, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        _unpack(_fetch(fetched), fetched / "root")
        for each in ("state", "cache"):
            shutil.rmtree(fetched / each)
        _write_start(folder, fetched)
        fetched.rename(folder)
    _require_to_start(start)
    return start


def _fetch(folder: Path) -> list[Path]:
    """The packages, as files."""
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise CannotBeHad(f"no {PACKAGE} on PATH, and no {tool} to fetch it with")
    for place in ("state/lists/partial", "cache/archives/partial"):
        (folder / place).mkdir(parents=True)
    status = folder / "status"
    status.write_text(_without(PACKAGE, STATUS.read_text(encoding="utf-8")), encoding="utf-8")
    apt = ["apt-get", "-qq", *_own(folder)]
    _run([*apt, "update"], f"no {PACKAGE} on PATH, and apt-get reaches none of its sources")
    install = [*apt, "--yes", "--download-only", "--no-install-recommends", "install", PACKAGE]
    _run(install, f"no {PACKAGE} on PATH, and apt-get cannot fetch it")
    return sorted((folder / "cache" / "archives").glob("*.deb"))


def _own(folder: Path) -> list[str]:
    """Everything that apt writes, it writes there."""
    options = {
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Log": folder,
        "Debug::NoLocking": "true",
        "APT::Sandbox::User": "",
        "APT::Keep-Downloaded-Packages": "true",
    }
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def _without(package: str, status: str) -> str:
    """What is installed, but for one that may be installed where PATH does not lead, and what comes with it."""
    ours = (f"Package: {package}\n", f"Package: {package}-")
    return "".join(f"{each}\n\n" for each in status.split("\n\n") if each and not each.startswith(ours))


def _unpack(packages: list[Path], root: Path) -> None:
    root.mkdir()
    for each in packages:
        _run(["dpkg", "-x", str(each), str(root)], f"{each.name} cannot be unpacked")
        each.unlink()


def _write_start(folder: Path, made: Path) -> None:
    """A program that starts it with the libraries that came with it, and with fonts."""
    libraries = sorted({each.parent.relative_to(made) for each in (made / "root" / "usr" / "lib").rglob("*.so*")})
    path = ":".join(str(folder / each) for each in libraries)
    fonts = "".join(f"<dir>{each}</dir>" for each in ("/usr/share/fonts", folder / "root" / "usr" / "share" / "fonts"))
    config = f'<?xml version="1.0"?><fontconfig>{fonts}<cachedir>{folder / "fonts"}</cachedir></fontconfig>\n'
    (made / "fonts.conf").write_text(config, encoding="utf-8")
    start = made / PACKAGE
    start.write_text(
        f'#!/bin/sh\nexport LD_LIBRARY_PATH="{path}"\nexport FONTCONFIG_FILE="{folder / "fonts.conf"}"\n'
        f'exec "{folder}/root/usr/lib/{PACKAGE}/{PACKAGE}" "$@"\n',
        encoding="utf-8",
    )
    start.chmod(0o755)


def _require_to_start(start: Path) -> None:
    _run([str(start), "--version"], f"{start} was fetched and does not start")


def _run(command: list[str], why: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE, env=environment)
    except subprocess.CalledProcessError as exc:
        said = (exc.stderr.strip() or exc.stdout.strip()).splitlines() or [f"exit status {exc.returncode}"]
        raise CannotBeHad(f"{why}: {said[-1]}") from exc
    except subprocess.TimeoutExpired as exc:
        raise CannotBeHad(f"{why}: no end after {PATIENCE} s") from exc


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]).resolve()))
