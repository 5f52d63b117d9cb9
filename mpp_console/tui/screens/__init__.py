"""One module a mode. The app imports each when it is first shown."""
