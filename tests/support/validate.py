"""Holds documents against a JSON Schema with a validator that is not ours.

First line of the input: the schema. Then one request a line: {"kind": "yaml" | "json" | "toml", "text": ...}. For each an
answer: {reading: null or what is wrong}. YAML is read as taskmaster reads it ("ours"), as YAML 1.2 has it ("core") and as
YAML 1.1 has it ("old"), where a document asks for "all".
"""

import datetime
import json
import re
import sys

import jsonschema
import yaml

Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def loader(resolvers, integer):
    """A loader that takes plain scalars for what these patterns say, keys for their text, and knows no merging."""

    class Loader(Base):
        yaml_implicit_resolvers = {}

    for tag, pattern in resolvers:
        Loader.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(pattern), None)

    def mapping(self, node, deep=False):
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}

    def real(self, node):
        text = node.value.lower().lstrip("+")
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))

    Loader.construct_mapping = mapping
    Loader.add_constructor("tag:yaml.org,2002:map", mapping)
    Loader.add_constructor("tag:yaml.org,2002:int", integer)
    Loader.add_constructor("tag:yaml.org,2002:float", real)
    return Loader


def number(self, node):
    text = node.value.lstrip("+")
    if re.match(r"-?0[xob]", text):
        return int(text, 0)
    return int(text)


CORE = [
    ("null", r"^(~|null|Null|NULL|)$"),
    ("bool", r"^(true|True|TRUE|false|False|FALSE)$"),
    ("int", r"^[-+]?[0-9]+$|^0o[0-7]+$|^0x[0-9a-fA-F]+$"),
    ("float", r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$"),
]
OURS = CORE[:2] + [
    ("int", r"^[-+]?(0|[1-9][0-9]*)$|^[-+]?0o[0-7]+$|^[-+]?0x[0-9a-fA-F]+$|^[-+]?0b[01]+$"),
    # Digits that begin with a zero are a text; a number that no integer holds is a float.
    ("float", r"^(?![-+]?0[0-9]+$)[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"
              r"|^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$"),
]


class Old(yaml.SafeLoader):
    """PyYAML's own, which takes yes for true and 022 for 18. Dates stay texts, as in JSON."""


Old.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if not tag.endswith((":timestamp", ":merge", ":value"))]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Old.construct_mapping = lambda self, node, deep=False: {
    key.value: self.construct_object(value, deep=True) for key, value in node.value
}
Old.add_constructor("tag:yaml.org,2002:map", Old.construct_mapping)

READINGS = {"ours": loader(OURS, number), "core": loader(CORE, number), "old": Old}


def plain(value):
    """TOML without its dates, which are texts for us."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return value


def readings(request):
    kind, text = request["kind"], request["text"]
    if kind == "json":
        return {"ours": json.loads(text)}
    if kind == "toml":
        import tomllib

        return {"ours": plain(tomllib.loads(text))}
    wanted = READINGS if request.get("all") else {"ours": READINGS["ours"]}
    return {name: yaml.load(text, Loader=wanted[name]) for name in wanted}


def main():
    schema = json.loads(sys.stdin.readline())
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    for line in sys.stdin:
        answer = {}
        try:
            for name, value in readings(json.loads(line)).items():
                error = jsonschema.exceptions.best_match(validator.iter_errors(value))
                answer[name] = error and "%s: %s" % ("/".join(map(str, error.absolute_path)), error.message[:300])
        except (yaml.YAMLError, ValueError) as error:
            answer["ours"] = "unreadable: %s" % error
        print(json.dumps(answer))


main()
