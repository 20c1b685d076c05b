"""The built-in handlers. Each module is opened as `handlers.<module>`, beside those of the installation."""
