"""The plan language: text to syntax tree and back, references, paths and conditions."""
