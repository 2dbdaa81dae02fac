"""Checking a syntax tree against a kernel, and compiling it into a program."""
