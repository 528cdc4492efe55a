"""Real data inside the wheel, readable offline."""
