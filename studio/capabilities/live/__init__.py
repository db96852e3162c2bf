"""A canvas that is drawn anew while somebody types: the student at every change, the others when typing pauses."""
