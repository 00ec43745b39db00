"""``dbproc graph``: the products and processes of a mission as a picture."""

from __future__ import annotations

import click

from dbproc.cli.common import asking_options, open_mission, print_json
from dbproc.database.definition.load import load_definition
from dbproc.explain.graph import dot, graph, svg


@click.command("graph")
@click.option("--dot", "as_dot", is_flag=True, help="In the language of Graphviz, instead of SVG.")
@asking_options
def graph_command(mission: str, as_json: bool, as_dot: bool) -> None:
    """Draw the products (boxes) and processes (round) of the mission as SVG; optional inputs are dashed.

    For example: dbproc graph > mission.svg; dbproc graph --dot | dot -Tpdf > mission.pdf
    """
    if as_dot and as_json:
        raise click.UsageError("give one of --dot and --json")
    with open_mission(mission, read_only=True) as store, store.begin() as connection:
        drawn = graph(load_definition(connection))
    if as_json:
        print_json(drawn)
        return
    click.echo(dot(drawn) if as_dot else svg(drawn), nl=as_dot)
