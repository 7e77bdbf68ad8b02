"""The studio: a page and a REST API over a gallery. Nothing here computes; it receives, asks and answers."""
