"""A scenario with sliders: what moves, the small run behind it, and the page that shows it."""
