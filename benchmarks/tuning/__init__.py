"""Training of the adapter that lets the bundled model draft plans."""
