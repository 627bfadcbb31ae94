"""What people see: the start page and the API's description. No script, nothing from elsewhere."""
