"""What `clavis doctor` looks at, by where it is: this machine, the stores, the gateway itself."""
