"""Beat: the process that decides when. It turns due occurrences into messages and runs nothing itself."""
