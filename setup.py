"""Packages and scripts of dbproc; everything else about it is in pyproject.toml."""

from glob import glob

from setuptools import find_namespace_packages, setup

setup(
    packages=[
        *find_namespace_packages(include=["dbproc", "dbproc.*"], exclude=["*.__pycache__"]),
        # The top-level migrations/ becomes dbproc/migrations in an installation, an example dbproc/example.
        "dbproc.migrations",
        "dbproc.migrations.versions",
        "dbproc.example",
        "dbproc.example.codes",
    ],
    package_dir={
        "dbproc.migrations": "migrations",
        "dbproc.example": "examples/own_mission",
        "dbproc.example.codes": "examples/own_mission/codes",
    },
    package_data={"": ["py.typed", "*.mako", "*.sql", "*.toml", "*.json", "*.html", "*.css", "*.js", "*.svg"]},
    data_files=[("share/man/man1", sorted(glob("docs/man/*.1")))],
    scripts=["ProcessQueue.py", *sorted(glob("scripts/*.py"))],
)
