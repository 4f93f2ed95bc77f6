"""What an analyst calls while editing models: a warehouse to try them on, a check, a comparison."""
