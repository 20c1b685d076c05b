"""The pages, made by the server and readable without JavaScript."""
