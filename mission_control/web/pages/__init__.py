"""The pages: read by anyone's browser, with or without JavaScript; every change is a POST of a form."""
