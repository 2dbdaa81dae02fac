"""Small worlds for goals: skills whose functions really run, and always give the same results.

Each module has ``skills()``: fresh objects by skill name.
"""
