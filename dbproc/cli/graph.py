"""``dbproc graph``: the products and processes of a mission as a picture."""

from __future__ import annotations

import click

from dbproc.cli.common import mission_option, open_mission
from dbproc.database.definition.load import load_definition
from dbproc.explain.graph import dot, graph, svg


@click.command("graph")
@click.option("--dot", "as_dot", is_flag=True, help="In the language of Graphviz, instead of SVG.")
@mission_option
def graph_command(mission: str, as_dot: bool) -> None:
    """Draw the products (boxes) and processes (round) of the mission as SVG; optional inputs are dashed.

    For example: dbproc graph > mission.svg; dbproc graph --dot | dot -Tpdf > mission.pdf
    """
    with open_mission(mission, read_only=True) as store, store.begin() as connection:
        drawn = graph(load_definition(connection))
    click.echo(dot(drawn) if as_dot else svg(drawn), nl=as_dot)
