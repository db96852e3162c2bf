"""One adapter at a row of strengths on several arms."""
