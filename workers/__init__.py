"""Workers: the processes that do. They run handlers under their contract and account for every attempt."""
