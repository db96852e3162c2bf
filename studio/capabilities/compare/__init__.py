"""The same seeds by teacher, student and hybrids, measured side by side."""
