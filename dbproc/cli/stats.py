"""stats: what codes took and made."""

from __future__ import annotations

from typing import Any

import click

from dbproc.cli.common import cell, json_option, mission_option, open_mission, print_json, print_table

_COLUMNS = ("process", "code", "jobs", "failed", "seconds", "CPU seconds", "memory MiB", "output bytes")


@click.command("stats")
@click.argument("process", required=False)
@mission_option
@json_option
def stats_command(process: str | None, mission: str, as_json: bool) -> None:
    """Show what the jobs of PROCESS, or of all, took and made, one line for each version of a code.

    Each value is the median of the jobs that succeeded, and the greatest in parentheses. Below stands which version is
    markedly slower than the one before, or makes files of another size.

    For example: dbproc stats to_clean
    """
    from dbproc.explain.statistics import record_facts, records

    with open_mission(mission, read_only=True) as store:
        facts = [record_facts(record) for record in records(store, process)]
    if as_json:
        print_json(facts)
        return
    if not facts:
        click.echo("no job has run yet")
        return
    print_table([_row(each) for each in facts], _COLUMNS)
    for each in facts:
        for remark in each["remarks"]:
            click.echo(f"{each['process']}: {cell(remark)}")


def _row(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "process": facts["process"],
        "code": f"{facts['code']} {facts['version']}",
        "jobs": facts["jobs"],
        "failed": facts["failures"],
        "seconds": _spread(facts["seconds"], 1, "{:.3g}"),
        "CPU seconds": _spread(facts["cpu_seconds"], 1, "{:.3g}"),
        "memory MiB": _spread(facts["memory_bytes"], 1 << 20, "{:.3g}"),
        "output bytes": _spread(facts["output_bytes"], 1, "{:,.0f}"),
    }


def _spread(spread: dict[str, float | None], unit: float, form: str) -> str | None:
    median, most = spread["median"], spread["max"]
    if median is None or most is None:
        return None
    return f"{form.format(median / unit)} ({form.format(most / unit)})"
