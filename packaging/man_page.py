#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns a page of doc/man (Markdown, of which only what those pages use) into one for man(1).

usage: man_page.py PAGE.md DIR [VERSION]
Writes DIR/man<section>/<name>.<section>, and a reference to it for each further name in its first paragraph.
"""
import os
import re
import sys


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def inline(text):
    """**bold**, `literal` (shown bold too) and [text](link)."""
    parts = re.split(r"(\*\*[^*]+\*\*|`[^`]+`|\[[^\]]+\]\([^)]+\))", text)
    out = ""
    for part in parts:
        if part.startswith("**"):
            out += "\\fB%s\\fR" % escape(part[2:-2])
        elif part.startswith("`"):
            out += "\\fB%s\\fR" % escape(part[1:-1])
        elif part.startswith("[") and part.endswith(")"):
            out += escape(part[1:part.index("]")])
        else:
            out += escape(part)
    return out


def cells(row):
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def table(rows):
    """A table as a list of terms: its first column, then the rest of the row."""
    head, out = cells(rows[0]), []
    for row in rows[2:]:
        first, *rest = cells(row)
        said = [cell for name, cell in zip(head[1:], rest) if cell and name != "default"]
        said += ["(default: %s)" % cell for name, cell in zip(head[1:], rest) if cell and name == "default"]
        out += [".TP", inline(first), inline(" ".join(said))]
    return out


def blocks(text):
    """Paragraphs, and runs of indented, table and heading lines, as lists of lines."""
    block = []
    for line in text.splitlines():
        kind = "#" if line.startswith("#") else "|" if line.startswith("|") else " " if line.startswith("    ") else "" if line else None
        if block and (kind != block[0] or kind == "#"):
            yield block[0], block[1:]
            block = []
        if kind is not None:
            block = block or [kind]
            block.append(line)
    if block:
        yield block[0], block[1:]


def body(text):
    out = []
    for kind, lines in blocks(text):
        if kind == "#":
            level = len(lines[0]) - len(lines[0].lstrip("#"))
            out.append("%s %s" % (".SH" if level == 2 else ".SS", inline(lines[0].lstrip("# "))))
        elif kind == "|":
            out += table(lines)
        elif kind == " ":
            out += [".PP", ".nf", ".RS 4"] + [escape(line[4:]) for line in lines] + [".RE", ".fi"]
        elif len(lines) > 1 and lines[1].startswith(": "):
            out += [".TP", inline(lines[0])] + [inline(line.removeprefix(": ").strip()) for line in lines[1:]]
        else:
            for number, line in enumerate(lines):
                item = line.startswith("- ")
                if item:
                    out.append(".IP \\(bu 2")
                elif number == 0:
                    out.append(".PP")
                out.append(inline(line[2:] if item else line.strip()))
    return out


def convert(text, version):
    """(name, section, the page, further names)."""
    title = re.match(r"# (\S+)\((\d)\)\n\n(.+?) - (.+?)\n\n", text, re.S)
    if not title:
        raise ValueError("does not begin with `# NAME(SECTION)` and `NAME - what it is`")
    name, section, names, purpose = title.groups()
    page = ['.TH "%s" "%s" "" "floe %s"' % (name.upper(), section, version), ".SH NAME",
            "%s \\- %s" % (escape(names), escape(purpose.replace("\n", " ")))]
    page += body(text[title.end():])
    others = [other.strip() for other in names.split(",") if other.strip() != name]
    return name, section, "\n".join(page) + "\n", others


def main(source, directory, version=""):
    with open(source) as page:
        try:
            name, section, text, others = convert(page.read(), version)
        except ValueError as error:
            sys.exit("man_page: %s %s" % (source, error))
    folder = os.path.join(directory, "man" + section)
    os.makedirs(folder, exist_ok=True)
    for other, content in [(name, text)] + [(other, ".so man%s/%s.%s\n" % (section, name, section)) for other in others]:
        with open(os.path.join(folder, "%s.%s" % (other, section)), "w") as out:
            out.write(content)


if __name__ == "__main__":
    main(*sys.argv[1:])
