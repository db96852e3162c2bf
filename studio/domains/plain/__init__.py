"""Pictures of which no world is known: photographs, drawings, whatever a checkpoint from elsewhere makes."""
