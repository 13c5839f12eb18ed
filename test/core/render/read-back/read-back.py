"""Reads documents with Python's parsers: a JSON list of texts in, a JSON list of leaf lists out.

Usage: read-back.py yaml|toml|kickstart|esxi|xml < texts.json > leaves.json
A text that cannot be parsed gives {"error": …} in the place of its leaves.
"""
import json
import shlex
import sys


def leaves(value):
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(key) + leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value if isinstance(value, str) else repr(value)]


def read_yaml(text):
    import yaml  # What cloud-init and Subiquity use, by safe_load.

    return leaves(yaml.safe_load(text))


def read_toml(text):
    import tomllib

    return leaves(tomllib.loads(text))


def read_xml(text):
    import xml.etree.ElementTree as tree  # expat

    found = []
    for element in tree.fromstring(text.encode("utf-8")).iter():
        found += [element.text or "", *element.attrib.values()]
    return found


def read_esxi(text):
    """ESXi's scripted installation: a section ends where the next one begins, and none but these begins one."""
    found, in_section = [], False
    for line in text.splitlines():
        words = line.split()
        if words and words[0] in ("%pre", "%post", "%firstboot"):
            in_section = True
            found += shlex.split(line)
        elif in_section:
            found.append(line)
        else:
            found += shlex.split(line, comments=True)
    return found


def read_kickstart(text):
    """pykickstart's _stateMachine and _readSection, as far as they read text."""
    # load_to_str opens the file as text: universal newlines.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    found, section = [], None
    for line in text.splitlines(True):
        if section is None:
            if line.isspace() or line.lstrip()[0] == "#":
                continue
            args = shlex.split(line, comments=True)
            found += args
            if args[0].startswith("%"):
                section = args[0]
        elif line.lstrip().startswith("%") and line.split()[0] in ("%end", "%include", "%post", "%pre", "%packages"):
            args = shlex.split(line)
            found += args
            if args[0] == "%end":
                section = None
        elif section == "%packages":
            name = line.partition("#")[0].strip()
            found += [name] if name else []
        else:
            found.append(line)
    if section is not None:
        raise ValueError("a section does not end")
    return found


READERS = {"yaml": read_yaml, "toml": read_toml, "xml": read_xml, "kickstart": read_kickstart, "esxi": read_esxi}


def main():
    read = READERS[sys.argv[1]]
    results = []
    for text in json.load(sys.stdin):
        try:
            results.append(read(text))
        except Exception as error:  # Whatever a parser throws is its verdict.
            results.append({"error": repr(error)[:300]})
    json.dump(results, sys.stdout)


main()
