"""An operator's questions and orders, as functions that return plain values; the faces only show them."""
