"""What is behind the doors of ``four_doors.py``."""
