"""Codes and deliveries, written into a site."""

from __future__ import annotations

from tests.crash.site import Site


def write_code(site: Site, name: str, text: str) -> None:
    """Write a code as a new file, so that a snapshot's link to the old one keeps the old bytes."""
    path = site.codes / name
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def deliver(site: Site, name: str, content: str | None = None) -> None:
    """Put a file into incoming."""
    (site.incoming / name).write_text(f"content of {name}" if content is None else content)
