"""What fills the terminal: the fleet, one instance, dialogs."""
