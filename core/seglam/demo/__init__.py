"""A day in an office: the traffic that ``seglam demo`` plays, with the truth of every request."""
