"""A lesson in the browser: a small server, a page of our own code alone, and that page as one file."""
