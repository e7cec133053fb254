"""Messages without what varies in them: Drain over shapes that SQL has masked already, a few thousand at most."""

from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import PythonUDFType

FUNCTION = "message_templates"
"""What queries call it: a list of texts in, a list of their templates out, in the same order."""
_SIMILAR = 0.5
"""How much of two messages must be the same for them to be one template."""
_DEPTH = 5
"""Levels of Drain's tree: one for the length, then a word each."""
_KINDS = 2000
"""Templates that are held at once; of more, the one that was not seen for the longest is forgotten."""


def register(con: duckdb.DuckDBPyConnection) -> None:
    """Let queries of a connection call ``message_templates(list)``."""
    texts = duckdb.list_type("VARCHAR")
    con.create_function(FUNCTION, _each, [texts], texts, type=PythonUDFType.ARROW)


def _each(lists: Any) -> Any:
    """Return the templates of each list of texts, as Arrow."""
    return pa.array([of(texts) for texts in lists.to_pylist()], pa.list_(pa.string()))


def of(texts: list[str] | None) -> list[str] | None:
    """Return the template of each text, learned from all of them, `<*>` for what varies.

    Drain is He, Zhu, Zheng and Lyu, "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017.

    >>> of(["no answer from fleet-1 yet", "no answer from fleet-2 yet", "disk full"])
    ['no answer from <*> yet', 'no answer from <*> yet', 'disk full']
    """
    if texts is None:
        return None
    add = _miner()
    clusters = [add(text) for text in texts]
    return [cluster.get_template() for cluster in clusters]


def _miner() -> Callable[[str], Any]:
    from drain3.drain import Drain  # noqa: PLC0415 - half a second that only one rule needs

    drain = Drain(depth=_DEPTH, sim_th=_SIMILAR, max_clusters=_KINDS)
    return lambda text: drain.add_log_message(text)[0]
