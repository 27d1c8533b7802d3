"""What Tools/bench measures, and how it tells it."""
