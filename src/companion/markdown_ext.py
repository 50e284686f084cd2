"""The Python-Markdown extension of what this site adds to its pages; it comes after `literate`.

It replaces `[[chapters]]` by the map of the chapters and `[[questions]]` by the viewers' questions,
sets the maths that arithmatex found as MathML, sets times in the margin, explains the glossary's
words, and lets the keyboard reach code and tables.
"""

from markdown import Markdown
from markdown.extensions import Extension

from companion.questions import DIRECTIVES
from companion.reading import Moments, Terms
from companion.typography import Code, Maths, Numbers
from literate.markdown_ext import LiterateExtension

_AFTER_INLINE = 15
_AFTER_MATHS = 14
_LAST = 13
_AFTER_RAW_HTML = 5


class CompanionExtension(Extension):
    """Has no options: the extension `literate` knows the pages."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Add the parts.

        Raises:
            ValueError: If the extension `literate` is not there yet.
        """
        found = [e for e in md.registeredExtensions if isinstance(e, LiterateExtension)]
        if not found:
            raise ValueError("expected the extension `literate` before `companion`: list it first")
        literate = found[0]
        literate.directives.update(DIRECTIVES)
        terms = Terms(md, literate.docs, lambda: literate.path)
        md.treeprocessors.register(Maths(md), "companion-maths", _AFTER_INLINE)
        md.treeprocessors.register(Numbers(md), "companion-numbers", _AFTER_MATHS)
        md.treeprocessors.register(Moments(md), "companion-moments", _AFTER_MATHS)
        md.treeprocessors.register(terms, "companion-terms", _LAST)
        md.postprocessors.register(Code(md), "companion", _AFTER_RAW_HTML)
