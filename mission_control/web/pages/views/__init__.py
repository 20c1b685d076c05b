"""What each page shows, asked of `operate/`, one file a page."""
