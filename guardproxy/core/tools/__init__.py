"""What an agent's tools may be asked to do, decided from the conversation itself. Pure."""
