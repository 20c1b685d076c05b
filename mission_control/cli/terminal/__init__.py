"""What every command shares: options, output, wording, exit codes, failures."""
