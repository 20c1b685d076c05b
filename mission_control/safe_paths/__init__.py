"""Files and folders that no other user can change: judged, created and opened."""
