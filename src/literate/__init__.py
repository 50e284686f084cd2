"""Executes the Python blocks of Markdown pages once and shows what they printed and drew."""
