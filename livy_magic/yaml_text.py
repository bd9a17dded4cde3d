"""YAML as a person writes settings: every scalar stays text, so that 1.50 and 2026-01-01 stay themselves.

Loading this module loads PyYAML: it is imported where there is YAML to read.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import yaml

_Pair: TypeAlias = tuple[yaml.ScalarNode, yaml.Node]


class TextLoader(yaml.BaseLoader):
    """Makes nothing but text, lists and mappings; refuses a key given twice; knows ``<<``."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """See yaml."""
        node.value = _with_merged(node)
        return super().construct_mapping(node, deep=deep)


def _with_merged(node: yaml.MappingNode) -> list[_Pair]:
    """Return the pairs of a mapping; those that ``<<`` brings in are behind its own, the first ones win."""
    own: dict[str, _Pair] = {}
    merged: list[_Pair] = []
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="a name is text", problem_mark=key.start_mark)
        if key.value in own:
            problem = f"{key.value} is given twice"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
        own[key.value] = key, value
    if "<<" in own and own["<<"][0].style is None:
        _, value = own.pop("<<")
        for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            if not isinstance(source, yaml.MappingNode):
                problem = "<< takes a mapping, or a list of them"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=source.start_mark)
            merged += _with_merged(source)
    return list(({key.value: (key, value) for key, value in reversed(merged)} | own).values())
