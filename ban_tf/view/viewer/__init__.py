"""A labelled cloud as one page for a browser: `page.page` makes it, `page.write` writes it."""
