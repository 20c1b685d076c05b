"""The built-in handlers. Workers load each as `handlers.<module>`, next to those of the installation."""
