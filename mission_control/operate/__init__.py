"""What an operator asks and does, as functions that return plain values; the faces only show them."""
