"""Finding text, exactly."""
